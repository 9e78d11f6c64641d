import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Logger, runOnce } from 'graphile-worker'
import { Pool } from 'pg'
import type { Config } from '../../src/config.ts'
import { startSmallRegistry } from '../../src/demo/registry/small-registry.ts'
import { reconcile } from '../../src/inbox/reconcile.ts'
import { ingest } from '../../src/ingest/ingest.ts'
import { look } from '../../src/ingest/look.ts'
import { normaliseHost } from '../../src/oci/reference.ts'
import { makeClient } from '../../src/registry/client.ts'
import type { Registries } from '../../src/registry/registries.ts'
import { webhookRoute } from '../../src/webhook/route.ts'
import { testDeps } from '../support/deps.ts'
import { familyHost, postNotification, pushBlob, putManifest } from '../support/family.ts'
import { testDatabase } from '../support/postgres.ts'
import { faultyProxy } from './faulty-proxy.ts'

const sha = (bytes: string | Buffer) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`
const imageType = 'application/vnd.oci.image.manifest.v1+json'
export const indexType = 'application/vnd.oci.image.index.v1+json'

export type Stage = Awaited<ReturnType<typeof openStage>>
export type EventFields = {
  action?: string
  repository: string
  tag?: string
  digest?: string
  mediaType?: string
  at: number
  id?: string
}

/**
 * Everything from the webhook to the facts, on real parts: PostgreSQL, the queue, a registry with a proxy before it that
 * can misbehave. `registryUrl` null: a small registry of its own, with the referrers API where asked for. Times are seconds; `skew`: by how many
 * our clock and the registry's are ahead.
 */
export async function openStage(registryUrl: string | null = null, { referrers = false } = {}) {
  const pg = await testDatabase()
  const pool = new Pool({ connectionString: pg.url })
  const warn = (error: Error) => process.emitWarning(error.message)
  pool.on('error', warn).on('connect', (connection) => void connection.on('error', warn))
  const small = registryUrl === null ? await startSmallRegistry({ referrers }) : null
  const target = registryUrl ?? small!.url
  const skew = { ours: 0, registry: 0 }
  const proxy = await faultyProxy(target, () => skew.registry * 1000)
  const policy = { attempts: 1, firstPause: 1, longestPause: 1, longestRetryAfter: 1 }
  const client = makeClient({ url: new URL(proxy.url), policy, timeOuts: { idle: 60_000, total: 120_000 } })
  const registries: Registries = {
    byName: (host) => (host === familyHost ? client : null),
    as: () => null,
    all: () => [{ name: familyHost, client }],
    canonicalHost: normaliseHost,
    outside: () => null,
    close: client.close,
  }
  const config = {
    registries: [{ name: familyHost, url: proxy.url, insecure: false }],
    webhookToken: 'hook',
  } as unknown as Config
  const base = testDeps(pg)
  // what is for later stays so, though a busy machine may need longer for one drain: a test that wants it says so
  const jobs: typeof base.jobs = {
    ...base.jobs,
    enqueue: (tx, task, payload, { runAt, ...more } = {}) =>
      base.jobs.enqueue(tx, task, payload, runAt ? { ...more, runAt: new Date(runAt.getTime() + 86_400_000) } : more),
  }
  const d = { ...base, jobs, registries, config, clock: () => new Date(Date.now() + skew.ours * 1000) }
  const route = webhookRoute(d)
  const server = createServer((request, response) => {
    if (!route(request, response)) response.writeHead(404).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const webhookUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v2/webhooks/events`

  /** Runs the jobs that are due until there are none, as the workers would. */
  const drain = async () => {
    await runOnce({
      pgPool: pool,
      noHandleSignals: true,
      logger: new Logger(() => () => undefined),
      concurrency: 4,
      taskList: {
        ingest: (payload) => ingest(d, (payload as { eventId: string }).eventId),
        look: (payload) => look(d, (payload as { ref: string }).ref),
        reconcile: async (payload) => void (await reconcile(d, payload as { registry: string })),
        refresh: () => undefined,
      },
    })
    // the library does not wait until it has written down that a job has ended
    const held = () => pg.sql`select from graphile_worker._private_jobs where locked_by is not null limit 1`
    while ((await held()).length > 0) await new Promise((resolve) => setTimeout(resolve, 10))
  }

  const event = ({ action = 'push', repository, tag, digest, mediaType = imageType, at, id }: EventFields) => ({
    id: id ?? `${action} ${repository}:${tag} ${digest} ${at}`,
    timestamp: new Date(at * 1000).toISOString(),
    action,
    target: { repository, tag, digest, mediaType },
  })
  const notify = async (...events: EventFields[]) => {
    await postNotification(webhookUrl, 'hook', JSON.stringify({ events: events.map(event) }))
    await drain()
  }

  /** Pushes a blob, and gives its descriptor. */
  const blob = async (repository: string, mediaType: string, content: string | object) => {
    const bytes = Buffer.from(typeof content === 'string' ? content : JSON.stringify(content))
    await pushBlob(target, repository, sha(bytes), bytes)
    return { mediaType, digest: sha(bytes), size: bytes.length }
  }
  /** Pushes a manifest or index under `reference` (null: its digest), past the webhook, and gives its digest. */
  const manifest = async (repository: string, reference: string | null, body: object, mediaType = imageType) => {
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, ...body }))
    await putManifest(target, repository, reference ?? sha(bytes), mediaType, bytes)
    sizes.set(sha(bytes), { mediaType, size: bytes.length })
    return sha(bytes)
  }
  const sizes = new Map<string, { mediaType: string; size: number }>()
  /** A descriptor of a manifest that was pushed. */
  const entry = (digest: string, more: object = {}) => ({ digest, ...sizes.get(digest), ...more })
  /** Pushes an image made of these layers. */
  const image = async (
    repository: string,
    reference: string | null,
    layers: string[],
    more: { config?: object; annotations?: object } = {},
  ) => {
    const config = await blob(repository, 'application/vnd.oci.image.config.v1+json', {
      os: 'linux',
      architecture: 'amd64',
      rootfs: { type: 'layers', diff_ids: layers.map(sha) },
      history: layers.map((name) => ({ created_by: `RUN ${name}` })),
      ...more.config,
    })
    const held = []
    for (const name of layers) held.push(await blob(repository, 'application/vnd.oci.image.layer.v1.tar', name))
    return manifest(repository, reference, { config, layers: held, annotations: more.annotations })
  }

  const rows = {
    events: () =>
      pg.sql<
        {
          outcome: string
          reason: string | null
          error: { code: string; message: string } | null
          attempts: number
          nextTryAt: Date | null
          handledAt: Date | null
          id: string
        }[]
      >`
        select id, outcome, reason, error, attempts, next_try_at, handled_at from event order by at, event_id`,
    manifests: async () =>
      Object.fromEntries(
        (
          await pg.sql<
            { digest: string; kind: string; fault: string | null }[]
          >`select digest, kind, fault from manifest`
        ).map((m) => [m.digest, m.fault ?? m.kind]),
      ),
    heads: async () =>
      Object.fromEntries(
        (
          await pg.sql<
            { ref: string; digest: string | null }[]
          >`select ref, head_digest as digest from tag order by ref`
        ).map((t) => [t.ref.replace(`${familyHost}/`, ''), t.digest]),
      ),
    spans: async () =>
      (
        await pg.sql<{ text: string }[]>`
          select substr(tag.ref, ${familyHost.length + 2}::int) || ' ' || digest || ' ' || from_at / 1000000000 || '-'
            || coalesce((to_at / 1000000000)::text, '') || (case when exact then '' else '~' end) as text
          from tag_span join tag on tag.id = tag_id order by tag.ref, seq`
      ).map((row) => row.text),
    jobs: async () =>
      (
        await pg.sql<{ job: string }[]>`
          select t.identifier || ' ' || coalesce(j.key, '') as job from graphile_worker._private_jobs j
          join graphile_worker._private_tasks t on t.id = j.task_id order by 1`
      ).map((row) => row.job.trim()),
  }
  return {
    d,
    pg,
    skew,
    proxy,
    target,
    webhookUrl,
    drain,
    notify,
    blob,
    manifest,
    image,
    entry,
    rows,
    sha,
    async clear() {
      proxy.misbehave(() => undefined)
      proxy.asked.clear()
      Object.assign(skew, { ours: 0, registry: 0 })
      await pg.sql`truncate event, repository, manifest, declaration, dirty cascade`
      await pg.sql`update registry set reconciled_at = null, reconcile_error = null`
      await pg.sql`delete from graphile_worker._private_jobs`
    },
    async close() {
      client.close()
      proxy.close()
      server.closeAllConnections()
      server.close()
      await small?.close()
      await pool.end()
      await pg.close()
    },
  }
}
