import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { eventually } from '../src/demo/watch.ts'
import { parseDigest } from '../src/oci/digest.ts'
import { builderToken, makeBuildService } from './support/build-service.ts'
import { startDockerd } from './support/docker.ts'
import { startGitServer } from './support/git-server.ts'
import { writeKlibcBase } from './support/klibc.ts'
import { type TestDatabase, testDatabase } from './support/postgres.ts'
import { type PushedImage, pushImage } from './support/push.ts'
import { startDebianRegistry, startSmall, type TestRegistry } from './support/registry.ts'
import { makeService, type TestService } from './support/service.ts'
import { type SmtpServer, smtpServer } from './support/smtp.ts'

export type BuildView = {
  id: string
  ref: string
  state: string
  reason: { kind: string }
  startedAt: string
  finishedAt: string
  error: { code: string; message: string } | null
}
export type OutdatedView = {
  ref: string
  causes: { base: string; via: string | null }[]
  rebuild: { state: string; waitsFor: string[] }
}

/** Registry, mail server and service, each real and on a port of its own. Names are "namespace/repository"; every tag is `1`. */
export type Stage = {
  registry: TestRegistry
  service: TestService
  smtp: SmtpServer
  settings: Record<string, string>
  ref: (name: string) => string
  /** Makes a new release of lib/base and pushes it. */
  moveBase: (release: string) => Promise<void>
  /** The tags built on it are there, each with a recipe that is `auto: true`. */
  furnish: () => Promise<void>
  outdated: () => Promise<OutdatedView[]>
  builds: (name: string) => Promise<BuildView[]>
  diffIds: (name: string) => Promise<string[]>
  /** What is to be looked at later is looked at now. */
  lookNow: () => Promise<void>
  /** Waits until no tag is outdated, no build is queued or running and no job is left. */
  quiet: (seconds: number) => Promise<void>
  close: () => Promise<void>
}

type Workshop = Pick<Stage, 'moveBase' | 'furnish'> & { settings: Record<string, string>; close: () => Promise<void> }
type Common = Pick<Stage, 'registry' | 'service' | 'ref'>

/** base → child → grand, and a diamond over left and right: Dockerfiles in git, built and pushed by Docker, kept by Debian's registry. */
export const dockerStage = (): Promise<Stage> => makeStage(startDebianRegistry, dockerWorkshop)

/** The same, built elsewhere: a tracker of roles web and worker alone, and a build service that has the daemon. */
export async function serviceStage(): Promise<Stage> {
  const stage = await dockerStage()
  const pg = await testDatabase()
  const { DOCKER_HOST = '', ...settings } = stage.settings
  const builder = await makeBuildService(pg.url, DOCKER_HOST)
  await builder.start()
  return {
    ...stage,
    settings: {
      ...settings,
      DRYDOCK_BUILDER: builder.url,
      DRYDOCK_BUILDER_TOKEN: builderToken,
      DOCKER_HOST: 'unix:///nowhere',
    },
    service: { ...stage.service, start: (all) => stage.service.start(all, 'web,worker') },
    async close() {
      await builder.close()
      await pg.close()
      await stage.close()
    },
  }
}

/** base → child → grand without Docker: rebased through our small registry. */
export const rebaseStage = (): Promise<Stage> => makeStage(startSmall, rebaseWorkshop)

async function makeStage(
  startRegistry: (options: { endpoints: TestService['hook'][] }) => Promise<TestRegistry>,
  makeWorkshop: (common: Common) => Promise<Workshop>,
): Promise<Stage> {
  const pg = await testDatabase()
  const service = await makeService(pg.url)
  const registry = await startRegistry({ endpoints: [service.hook] })
  const smtp = await smtpServer()
  const ref = (name: string) => `${registry.host}/${name}:1`
  const workshop = await makeWorkshop({ registry, service, ref })
  const settings = {
    DRYDOCK_REGISTRY_URL: registry.url,
    DRYDOCK_REGISTRY_NAME: registry.host,
    DRYDOCK_NOTIFY_WINDOW: '1',
    SMTP_URL: smtp.url,
    MAIL_FROM: 'drydock@example.org',
    ...workshop.settings,
  }
  const items = async <T>(path: string) => (await service.api<{ items: T[] }>('GET', path)).items
  const outdated = () => items<OutdatedView>('/outdated?limit=100')
  return {
    registry,
    service,
    smtp,
    settings,
    ref,
    moveBase: workshop.moveBase,
    furnish: workshop.furnish,
    outdated,
    builds: async (name) =>
      (await items<BuildView>(`/builds?limit=100&ref=${encodeURIComponent(ref(name))}`)).reverse(),
    diffIds: (name) => diffIds(registry, name),
    async lookNow() {
      await pg.sql`update graphile_worker._private_jobs set run_at = now() where run_at > now()`
    },
    quiet: (seconds) =>
      eventually('nothing is outdated and nothing is left to do', seconds, async () =>
        (await isIdle(pg)) && (await outdated()).length === 0 && (await isIdle(pg)) ? true : null,
      ).then(
        () => undefined,
        async (error: Error) => {
          throw new Error([error.message, await left(pg), service.log().slice(-5000)].join('\n'))
        },
      ),
    async close() {
      await service.close()
      await workshop.close()
      await registry.close()
      await smtp.close()
      await pg.close()
    },
  }
}

/** A running job whose key was taken by a new one has no tries left; where its worker is killed, the queue keeps it as it is. */
async function isIdle({ sql }: TestDatabase): Promise<boolean> {
  const [left] = await sql<{ busy: boolean }[]>`
    select exists (select from graphile_worker._private_jobs where attempts < max_attempts or locked_by is not null) or exists (select from dirty)
      or exists (select from build where finished_at is null) as busy`
  return left?.busy === false
}

/** For whoever reads a failure: what it would not end with. */
async function left({ sql }: TestDatabase): Promise<string> {
  const rows = await sql`
    select 'job' as what, task.identifier || ' ' || coalesce(job.key, '') as which, job.attempts || ' tries, ' || case
      when job.locked_by is not null then 'locked by ' || job.locked_by else 'due ' || job.run_at end || coalesce(', ' || job.last_error, '') as how
    from graphile_worker._private_jobs job join graphile_worker._private_tasks task on task.id = job.task_id
    union all select 'dirty', key, kind::text from dirty
    union all select 'build', ref, state || coalesce(', ' || error::text, '') from build
    union all select 'outdated', ref, 'since ' || outdated_since from tag where status = 'outdated'`
  return rows.map(({ what, which, how }) => `${what} ${which}: ${how}`).join('\n')
}

async function diffIds({ client }: TestRegistry, name: string): Promise<string[]> {
  const manifest = await client.getManifest(name, '1')
  const { config } = JSON.parse(manifest!.bytes.toString()) as { config: { digest: string } }
  const body = await client.getBlob(name, parseDigest(config.digest)!, { maxBytes: 1_000_000 })
  return (JSON.parse(body!.toString()) as { rootfs: { diff_ids: string[] } }).rootfs.diff_ids
}

async function dockerWorkshop({ service, ref }: Common): Promise<Workshop> {
  const password = 's3cret-git-password'
  const daemon = await startDockerd()
  const git = await startGitServer({ username: 'ci', password })
  const context = mkdtempSync(join(tmpdir(), 'klibc-base-'))
  const dockerfiles: Record<string, string> = {
    'app/child': `FROM ${ref('lib/base')}\nRUN echo child > /child\n`,
    'app/grand': `FROM ${ref('app/child')}\nRUN echo grand > /grand\n`,
    'app/left': `FROM ${ref('lib/base')}\nRUN echo left > /left\n`,
    'app/right': `ARG B=${ref('lib/base')}\nFROM $B\nRUN echo right > /right\n`,
    'app/top': `FROM ${ref('app/right')} AS r\nFROM ${ref('app/left')}\nCOPY --from=r /right /of-right\n`,
  }
  return {
    settings: {
      DRYDOCK_BUILDER: 'docker',
      DRYDOCK_GIT_PROTOCOLS: 'http',
      DOCKER_HOST: daemon.host,
    },
    async moveBase(release) {
      writeKlibcBase(context, release)
      await daemon.docker('build', '--quiet', '--tag', ref('lib/base'), context)
      await daemon.docker('push', ref('lib/base'))
    },
    async furnish() {
      const credential = { kind: 'git', urlPrefix: `${git.origin}/`, username: 'ci', password }
      await service.api('PUT', '/namespaces/app/credentials/ci', credential)
      for (const [name, text] of Object.entries(dockerfiles)) {
        git.commit(name, { Dockerfile: text })
        const source = { url: `${git.origin}/${name}.git`, ref: 'main', credential: 'ci' }
        const path = `/recipes/${encodeURIComponent(ref(name))}`
        await service.api('PUT', path, { git: source, auto: true, on: 'all' })
        const build = await service.api<BuildView>('POST', '/builds', { ref: ref(name) })
        await eventually(`the first build of ${name} has succeeded`, 300, async () => {
          const { state, error } = await service.api<BuildView>('GET', `/builds/${build.id}`)
          if (state === 'failed') throw new Error(`${name}: ${JSON.stringify(error)}`)
          return state === 'succeeded' ? true : null
        })
      }
    },
    async close() {
      await git.close()
      await daemon.close()
      rmSync(context, { recursive: true, force: true })
    },
  }
}

async function rebaseWorkshop({ registry, service, ref }: Common): Promise<Workshop> {
  let base: PushedImage
  return {
    settings: { DRYDOCK_BUILDER: 'rebase' },
    async moveBase(release) {
      base = await pushImage(registry.client, { repository: 'lib/base', tag: '1', layers: [`base ${release}`] })
    },
    async furnish() {
      const child = await pushImage(registry.client, { repository: 'app/child', tag: '1', base, layers: ['child'] })
      await pushImage(registry.client, { repository: 'app/grand', tag: '1', base: child, layers: ['grand'] })
      for (const name of ['app/child', 'app/grand'])
        await service.api('PUT', `/recipes/${encodeURIComponent(ref(name))}`, { strategy: 'rebase', auto: true })
    },
    async close() {},
  }
}
