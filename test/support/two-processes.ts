import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RemoteBuild } from '../../src/build/service/remote-build.ts'
import { eventually } from '../../src/demo/watch.ts'
import { type BuildService, builderToken, makeBuildService } from './build-service.ts'
import { type Dockerd, startDockerd } from './docker.ts'
import { type GitServer, startGitServer } from './git-server.ts'
import { writeKlibcBase } from './klibc.ts'
import { type TestDatabase, testDatabase } from './postgres.ts'
import { type DebianRegistry, registryUser, startDebianRegistry } from './registry.ts'
import { buildKitPath } from './requires.ts'
import { makeService, type TestService } from './service.ts'
import { type SshServer, startSshServer } from './ssh-server.ts'

/** A build as the tracker's API shows it. */
export type Shown = {
  id: string
  ref: string
  state: string
  builder: string | null
  reason: { kind: string }
  digest: string | null
  commit: string | null
  error: { code: string; message: string } | null
  createdAt: string
}

const waitSeconds = 240

/** What only the tracker is told, and sends to the build service sealed. */
export const secrets = { token: 'glpat-of-the-https-server', build: 'what-the-build-reads' }

/**
 * A tracker and a build service as two processes with a database each, a registry that wants a login and tells the tracker of pushes, git
 * over HTTP with a token and over ssh with a deploy key, and a Docker daemon that the build service alone knows.
 */
export type TwoProcesses = Awaited<ReturnType<typeof twoProcesses>>

export async function twoProcesses() {
  const dir = mkdtempSync(join(tmpdir(), 'two-processes-'))
  const [pg, servicePg]: [TestDatabase, TestDatabase] = [await testDatabase(), await testDatabase()]
  const git: GitServer = await startGitServer({ username: 'ci', password: secrets.token })
  const ssh: SshServer = await startSshServer()
  const daemon: Dockerd = await startDockerd()
  const tracker: TestService = await makeService(pg.url)
  const registry: DebianRegistry = await startDebianRegistry({ auth: 'htpasswd', endpoints: [tracker.hook] })
  const service: BuildService = await makeBuildService(servicePg.url, daemon.host, {
    DRYDOCK_GIT_PROTOCOLS: 'http,ssh',
    PATH: buildKitPath() ?? '',
  })
  writeFileSync(join(dir, 'config.yml'), 'builds: {timeouts: {cleanup: 900}}\n')
  const settings = {
    DRYDOCK_CONFIG: join(dir, 'config.yml'),
    DRYDOCK_BUILDER: service.url,
    DRYDOCK_BUILDER_TOKEN: builderToken,
    DRYDOCK_GIT_PROTOCOLS: 'http,ssh',
    DRYDOCK_SETTLE: '0',
    DRYDOCK_REGISTRY_URL: registry.url,
    DRYDOCK_REGISTRY_NAME: registry.host,
    DRYDOCK_REGISTRY_USERNAME: registryUser.username,
    DRYDOCK_REGISTRY_PASSWORD: registryUser.password,
    DOCKER_HOST: 'tcp://127.0.0.1:1', // nothing is built here
  }
  const startTracker = () => tracker.start(settings, 'web,worker')
  await Promise.all([startTracker(), service.start()])
  await daemon.docker('login', '--username', registryUser.username, '--password', registryUser.password, registry.host)

  const ref = (name: string) => `${registry.host}/${name}:1`
  const path = (name: string) => encodeURIComponent(ref(name))
  const put = (at: string, body: object) => tracker.api('PUT', at, body)
  await put('/namespaces/app/credentials/token', {
    ...{ kind: 'git', urlPrefix: `${git.origin}/`, username: 'ci', password: secrets.token },
  })
  await put('/namespaces/app/credentials/key', {
    ...{ kind: 'ssh', urlPrefix: `${ssh.origin.replace(/\/\/[^@]*@/, '//')}/` },
    ...{ privateKey: ssh.key, knownHosts: ssh.knownHosts },
  })
  await put('/namespaces/app/credentials/npm', { kind: 'secret', password: secrets.build })

  const build = (id: string) => tracker.api<Shown>('GET', `/builds/${id}`)
  return {
    ...{ pg, servicePg, git, ssh, daemon, registry, tracker, service, startTracker, ref, build },
    /** a new release of lib/base:1 */
    async pushBase(release: string): Promise<void> {
      writeKlibcBase(join(dir, 'base'), release)
      await daemon.docker('build', '--quiet', '--tag', ref('lib/base'), join(dir, 'base'))
      await daemon.docker('push', ref('lib/base'))
    },
    /** from now on any account may pull what is in this namespace, once the tracker knows it */
    share: (namespace: string) =>
      eventually(`${namespace} is known`, waitSeconds, () =>
        put(`/namespaces/${namespace}`, { visibility: 'protected' }).then(
          () => true,
          () => null,
        ),
      ),
    recipe: (name: string, recipe: object) => put(`/recipes/${path(name)}`, recipe),
    /** asks for a build, and gives its id */
    async request(name: string): Promise<string> {
      return (await tracker.api<Shown>('POST', '/builds', { ref: ref(name) })).id
    },
    ended: (id: string) =>
      eventually(`${id} has ended`, waitSeconds, async () => {
        const shown = await build(id).catch(() => null) // the tracker may be away
        return shown && shown.state !== 'queued' && shown.state !== 'running' ? shown : null
      }),
    /** the same at the service, which hears of a cancel when it is back */
    endedThere: (id: string) =>
      eventually(`${id} has ended at the service`, waitSeconds, async () => {
        const found = await service.build(id)
        return found.state === 'queued' || found.state === 'running' ? null : found
      }),
    /** waits until the build service is at this step of it */
    at: (id: string, name: RemoteBuild['steps'][number]['name']) =>
      eventually(`${id} is at ${name}`, waitSeconds, async () =>
        (await service.build(id)).steps?.some((step) => step.name === name) ? true : null,
      ),
    builds: async (name: string) =>
      (await tracker.api<{ items: Shown[] }>('GET', `/builds?ref=${path(name)}`)).items.reverse(),
    /** every digest that the tag ever was at, as the registry told of its pushes */
    pushes: async (name: string): Promise<string[]> => {
      const rows = await pg.sql<{ digest: string }[]>`
        select span.digest from tag_span span join tag on tag.id = span.tag_id where tag.ref = ${ref(name)} order by span.seq`
      return rows.map(({ digest }) => digest)
    },
    log: async (id: string): Promise<string> => {
      const [row] = await pg.sql<{ text: string | null }[]>`
        select string_agg(text, '' order by seq) as text from build_log where build_id = ${id}`
      return row?.text ?? ''
    },
    async close() {
      await tracker.close()
      await service.close()
      await daemon.close()
      await registry.close()
      await ssh.close()
      await git.close()
      await pg.close()
      await servicePg.close()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}
