/**
 * A build by the docker builder, through the whole service: queue, recipe from a real git server over http, push to a real registry; beside
 * the same `git clone`, `docker build` and `docker push` by hand. Both with the same daemon, in turns. Its RUN takes 10 s. Needs root,
 * dockerd, git, docker-registry and klibc. Run: npm run bench:build [-- ROUNDS]
 */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { promisify } from 'node:util'
import { startEmbedded } from '../src/db/embedded.ts'
import { eventually } from '../src/demo/watch.ts'
import { startDockerd } from '../test/support/docker.ts'
import { startGitServer } from '../test/support/git-server.ts'
import { writeKlibcBase } from '../test/support/klibc.ts'
import { startDebianRegistry } from '../test/support/registry.ts'
import { makeService } from '../test/support/service.ts'
import { median, report } from './report.ts'

const rounds = Number(process.argv[2] ?? 3)
const run = promisify(execFile)
const dir = mkdtempSync(join(tmpdir(), 'build-overhead-'))
const closers: (() => unknown)[] = [() => rmSync(dir, { recursive: true, force: true })]

async function main(): Promise<void> {
  const embedded = await startEmbedded(join(dir, 'data'))
  closers.push(embedded.stop)
  const registry = await startDebianRegistry()
  closers.push(registry.close)
  const git = await startGitServer(null)
  closers.push(git.close)
  const daemon = await startDockerd()
  closers.push(daemon.close)
  const base = `${registry.host}/lib/base:1`
  writeKlibcBase(join(dir, 'base'), 'one')
  await daemon.docker('build', '--quiet', '--tag', base, join(dir, 'base'))
  await daemon.docker('push', base)
  git.commit('app', {
    Dockerfile: `FROM ${base}\nRUN sleep 10; echo done > /done\n`,
    'readme.txt': 'text '.repeat(20_000),
  })

  const service = await makeService(embedded.url)
  closers.push(service.close)
  await service.start({
    PATH: process.env.PATH ?? '',
    DRYDOCK_REGISTRY_URL: registry.url,
    DRYDOCK_REGISTRY_NAME: registry.host,
    DRYDOCK_GIT_PROTOCOLS: 'http',
    DRYDOCK_BUILDER: 'docker',
    DOCKER_HOST: daemon.host,
  })
  const ref = `${registry.host}/ours/app:1`
  const recipe = { git: { url: `${git.origin}/app.git`, ref: 'main' } }
  await service.api('PUT', `/recipes/${encodeURIComponent(ref)}`, recipe)

  /** Seconds from the call to the end of the build, as the service itself has it: after push, clean-up and judgement. */
  const ours = async (): Promise<number> => {
    const asked = Date.now()
    const { id } = await service.api<{ id: string }>('POST', '/builds', { ref })
    const finishedAt = await eventually('the build succeeds', 120, async () => {
      const build = await service.api<{ state: string; error: unknown; finishedAt: string }>('GET', `/builds/${id}`)
      if (build.state === 'failed') throw new Error(JSON.stringify(build.error))
      return build.state === 'succeeded' ? build.finishedAt : null
    })
    return (Date.parse(finishedAt) - asked) / 1000
  }
  /** Nothing is cached on either side: a rebuild is wanted fresh. */
  const byHand = async (round: number): Promise<number> => {
    const [work, tag] = [join(dir, `by-hand-${round}`), `${registry.host}/hand/app:1`]
    const began = performance.now()
    await run('git', ['clone', '--quiet', '--depth', '1', `${git.origin}/app.git`, work])
    await daemon.docker('build', '--no-cache', '--pull', '--tag', tag, work)
    await daemon.docker('push', tag)
    return (performance.now() - began) / 1000
  }

  const [mine, theirs]: [number[], number[]] = [[], []]
  for (let round = 0; round < rounds; round++) {
    theirs.push(await byHand(round))
    mine.push(await ours())
  }
  report({
    name: `A build whose RUN takes 10 s, from the wish to its end, ${rounds} builds`,
    ours: ['docker builder, through the queue', median(mine), 's'],
    rival: ['git clone, docker build, docker push', median(theirs), 's'],
    ratio: median(mine) / median(theirs),
    wanted: 'at most 1.10',
  })
}

try {
  await main()
} finally {
  for (const close of closers.reverse()) await close()
}
