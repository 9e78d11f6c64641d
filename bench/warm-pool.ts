/**
 * From POST /builds to the start of the `docker build` command, with a machine of docker-machine standing ready (the stand-in of
 * test/support: a second real dockerd), beside the docker builder with a daemon that is simply there. Needs root, dockerd, git, klibc.
 * Run: npm run bench:pool [-- ROUNDS]
 */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startEmbedded } from '../src/db/embedded.ts'
import { connect } from '../src/db/postgres.ts'
import { eventually } from '../src/demo/watch.ts'
import { startDockerd } from '../test/support/docker.ts'
import { startGitServer } from '../test/support/git-server.ts'
import { writeKlibcBase } from '../test/support/klibc.ts'
import { standIn, testMachines } from '../test/support/machines.ts'
import { startSmall } from '../test/support/registry.ts'
import { makeService, type TestService } from '../test/support/service.ts'
import { median, report } from './report.ts'

const rounds = Number(process.argv[2] ?? 5)
const dir = mkdtempSync(join(tmpdir(), 'warm-pool-'))
const closers: (() => unknown)[] = [() => rmSync(dir, { recursive: true, force: true })]

/** A docker command in front of the real one that writes down when `docker build` was called. */
function writeShim(): { path: string; started: () => number | null; forget: () => void } {
  const [bin, note] = [join(dir, 'bin'), join(dir, 'started')]
  mkdirSync(bin)
  const body = `[ "$1" = build ] && date +%s%N > ${note}\nPATH=\${PATH#${bin}:} exec docker "$@"\n`
  writeFileSync(join(bin, 'docker'), `#!/bin/sh\n${body}`)
  chmodSync(join(bin, 'docker'), 0o755)
  writeFileSync(note, '')
  const started = () => Number(readFileSync(note, 'utf8')) / 1e6 || null
  return { path: `${bin}:${process.env.PATH}`, started, forget: () => writeFileSync(note, '') }
}

async function main(): Promise<void> {
  const shim = writeShim()
  const embedded = await startEmbedded(join(dir, 'data'))
  closers.push(embedded.stop)
  const registry = await startSmall()
  closers.push(registry.close)
  const git = await startGitServer(null)
  closers.push(git.close)
  git.commit('app', { Dockerfile: `FROM ${registry.host}/lib/base:1\nRUN echo x > /x\n` })
  const daemon = await startDockerd()
  closers.push(daemon.close)
  const machines = testMachines()
  closers.push(machines.close)
  writeKlibcBase(join(dir, 'base'), 'one')
  await daemon.docker('build', '--quiet', '--tag', `${registry.host}/lib/base:1`, join(dir, 'base'))
  await daemon.docker('push', `${registry.host}/lib/base:1`)

  const usual = {
    PATH: shim.path,
    DRYDOCK_REGISTRY_URL: registry.url,
    DRYDOCK_REGISTRY_NAME: registry.host,
    DRYDOCK_GIT_PROTOCOLS: 'http',
    DRYDOCK_SETTLE: '0',
  }
  const service = async (name: string, settings: Record<string, string>): Promise<TestService> => {
    const sql = connect(embedded.url, { max: 1 })
    await sql.unsafe(`create database ${name}`)
    await sql.end()
    const url = new URL(embedded.url)
    url.pathname = `/${name}`
    const made = await makeService(url.href)
    closers.push(made.close)
    await made.start({ ...usual, ...settings })
    const ref = encodeURIComponent(`${registry.host}/${name}/app:1`)
    await made.api('PUT', `/recipes/${ref}`, { git: { url: `${git.origin}/app.git`, ref: 'main' } })
    return made
  }
  const pooled = await service('pooled', {
    ...machines.env,
    DRYDOCK_BUILDER: 'docker-machine',
    DRYDOCK_MACHINE_COMMAND: standIn,
    DRYDOCK_MACHINE_DRIVER: 'none',
    DRYDOCK_MACHINE_POOL: '1',
  })
  const plain = await service('plain', { DRYDOCK_BUILDER: 'docker', DOCKER_HOST: daemon.host })

  /** Seconds from the call to the docker build command. */
  const once = async (on: TestService, name: string): Promise<number> => {
    shim.forget()
    const asked = Date.now()
    const { id } = await on.api<{ id: string }>('POST', '/builds', { ref: `${registry.host}/${name}/app:1` })
    await eventually('the build succeeds', 60, async () => {
      const { state, error } = await on.api<{ state: string; error: unknown }>('GET', `/builds/${id}`)
      if (state === 'failed') throw new Error(JSON.stringify(error))
      return state === 'succeeded' || null
    })
    const started = shim.started()
    if (started === null) throw new Error('docker build was never called')
    return (started - asked) / 1000
  }
  const ready = () =>
    eventually('a machine is ready, and nothing else goes on', 60, async () => {
      const { items } = await pooled.api<{ items: { state: string }[] }>('GET', '/machines')
      return (items.length === 1 && items[0]!.state === 'ready') || null
    })

  const [ours, rival]: number[][] = [[], []]
  for (let round = 0; round <= rounds; round++) {
    await ready()
    const [ofPool, ofPlain] = [await once(pooled, 'pooled'), await once(plain, 'plain')]
    if (round === 0) continue // both start cold
    ours!.push(ofPool)
    rival!.push(ofPlain)
  }
  report({
    name: `From POST /builds to \`docker build\`, ${rounds} builds`,
    ours: ['on a machine that stood ready', median(ours!), 's'],
    rival: ['docker builder without machines', median(rival!), 's'],
    ratio: median(ours!) / median(rival!),
    wanted: 'ours under 1 s',
  })
}

try {
  await main()
} finally {
  for (const close of closers.reverse()) await close()
}
