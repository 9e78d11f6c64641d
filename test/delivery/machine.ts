import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Logger, runOnce } from 'graphile-worker'
import { Pool } from 'pg'
import pino from 'pino'
import type { Config } from '../../src/config.ts'
import { reconcile } from '../../src/inbox/reconcile.ts'
import { ingest } from '../../src/ingest/ingest.ts'
import { look } from '../../src/ingest/look.ts'
import { makeRegistries } from '../../src/registry/registries.ts'
import { refresh } from '../../src/staleness/refresh.ts'
import { webhookRoute } from '../../src/webhook/route.ts'
import { testDeps } from '../support/deps.ts'
import type { ReceivedEvent } from '../support/event-receiver.ts'
import { postNotification } from '../support/family.ts'
import { testDatabase } from '../support/postgres.ts'
import { clockProxy } from './clock-proxy.ts'

export type Machine = Awaited<ReturnType<typeof openMachine>>
export const host = 'reg:5000'
const hook = 'hook'

/**
 * From the webhook to the verdicts, on real parts: PostgreSQL, the queue, a registry behind HTTP. The story winds the clock, or
 * it is the `real` one.
 */
export async function openMachine(real: (() => Date) | null = null) {
  const pg = await testDatabase()
  const pool = new Pool({ connectionString: pg.url })
  const warn = (error: Error) => process.emitWarning(error.message)
  pool.on('error', warn).on('connect', (connection) => void connection.on('error', warn))
  let now = 0
  const clock = real ?? (() => new Date(now * 1000))
  const proxy = await clockProxy(clock)
  const log = pino({ level: 'silent' })
  const registryConfig = { name: host, url: proxy.url, insecure: false }
  const registries = makeRegistries([registryConfig], log)
  const config = { registries: [registryConfig], outside: [], webhookToken: hook } as unknown as Config
  const d = { ...testDeps(pg), registries, config, clock }
  const route = webhookRoute(d)
  const server = createServer((request, response) => {
    if (!route(request, response)) response.writeHead(404).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const webhookUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v2/webhooks/events`

  /** Runs the jobs that are due until there are none, as the workers would. */
  async function drain(): Promise<void> {
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
        notify: () => undefined,
        plan: () => undefined,
      },
    })
    // the library does not wait until it has written down that a job has ended
    const held = () => pg.sql`select from graphile_worker._private_jobs where locked_by is not null limit 1`
    while ((await held()).length > 0) await new Promise((resolve) => setImmediate(resolve))
    const left = await pg.sql<{ error: string }[]>`
      select last_error as error from graphile_worker._private_jobs where last_error is not null
      union all select error::text from event where outcome = 'failed'`
    if (left.length > 0) throw new Error(`a job failed: ${left[0]!.error}`)
  }

  return {
    pg,
    /** Where a registry may send its notifications itself. */
    hook: { url: webhookUrl, token: hook },
    drain,
    tick: () => ++now,
    /** Delivers events, some in one body, and handles them. */
    async deliver(bodies: readonly (readonly ReceivedEvent[])[]): Promise<void> {
      now += 1
      for (const events of bodies) await postNotification(webhookUrl, hook, JSON.stringify({ events }))
      await drain()
    },
    async reconcile(): Promise<void> {
      now += 1
      await reconcile(d, { registry: host })
      await drain()
    },
    refresh: () => refresh(d),
    /** Forgets everything, for a new story against this registry. */
    async begin(registryUrl: string, countBuild: readonly string[]): Promise<void> {
      now = 1_000_000
      proxy.lead(registryUrl)
      const tables = await pg.sql<{ name: string }[]>`
        select quote_ident(tablename) as name from pg_tables where schemaname = 'public' and tablename not in ('registry', 'setting')
          and tablename not like '\\_%'`
      await pg.sql.unsafe(`truncate ${tables.map((t) => t.name).join(', ')} cascade`)
      const columns = await pg.sql<{ name: string }[]>`
        select quote_ident(column_name) as name from information_schema.columns
        where table_schema = 'public' and table_name = 'registry' and column_name not in ('id', 'name')`
      await pg.sql.unsafe(`update registry set ${columns.map((c) => `${c.name} = default`).join(', ')}`)
      await pg.sql`delete from graphile_worker._private_jobs`
      for (const ref of countBuild)
        await pg.sql`
          insert into recipe (ref, spec, auto, count_on, updated_at) values (${`${host}/${ref}`}, '{}', false, 'all', now())`
    },
    async close() {
      registries.close()
      proxy.close()
      server.closeAllConnections()
      server.close()
      await pool.end()
      await pg.close()
    },
  }
}
