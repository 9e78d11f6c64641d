import express from 'express'
import { Gauge, register } from 'prom-client'
import { migrationsList } from '../db/migrate.ts'
import type { Deps } from '../deps.ts'
import { waitingJobs } from '../jobs/jobs.ts'
import { makeUnheardCount } from '../people/unheard.ts'

/** ms for which the dear ones among the numbers hold */
const countedMs = 60_000

/** ms that whoever asks is kept waiting for the database */
const patienceMs = 3_000

/** `/healthz` (the process lives), `/readyz` (database, migrations, queue), `/metrics` (Prometheus). No token: they hold no names. */
export function healthRouter(d: Pick<Deps, 'sql' | 'log' | 'config'>): express.Router {
  const router = express.Router()
  const gauges = makeGauges()
  const numbers = shared(() => measure(d, gauges, unheard), countedMs)
  const unheard = makeUnheardCount(d, countedMs)
  const wanted = migrationsList().migrationDirectories.length
  router.get('/healthz', (_request, response) => void response.json({ status: 'ok' }))
  router.get('/readyz', async (_request, response) => {
    const checks = await readiness(d, wanted)
    const ready = Object.values(checks).every((check) => check === 'ok')
    response.status(ready ? 200 : 503).json({ status: ready ? 'ok' : 'not ready', checks })
  })
  router.get('/metrics', async (_request, response) => {
    const error = await within(
      numbers().then(
        () => null,
        (error: unknown) => error,
      ),
      'no answer in 3 s',
    )
    if (error !== null) {
      d.log.warn({ err: error }, 'the database gives no numbers')
      for (const one of Object.values(gauges)) one.reset()
    }
    const up = error === null ? 1 : 0
    gauges.database.set(up)
    response.type(register.contentType).send(await register.metrics())
  })
  return router
}

/** What `work` comes to, or `otherwise` where that takes too long; it is left alone then. */
const within = <T, O>(work: Promise<T>, otherwise: O): Promise<T | O> =>
  Promise.race([work, new Promise<O>((resolve) => setTimeout(resolve, patienceMs, otherwise).unref())])

/**
 * Work that is done once for all who ask while it is, so that a database that hangs is not asked more with each. What has hung for `ms` is
 * no longer waited for: its connection may be dead.
 */
function shared(work: () => Promise<void>, ms: number): () => Promise<void> {
  let running: { done: Promise<void>; since: number } | null = null
  return () => {
    if (running && performance.now() - running.since < ms) return running.done
    const one = { done: work(), since: performance.now() }
    running = one
    const end = () => {
      if (running === one) running = null
    }
    one.done.then(end, end)
    return one.done
  }
}

/** Each check by name: `ok`, or why not. Codes only: whoever asks needs no token, and a message may name hosts. */
async function readiness(d: Pick<Deps, 'sql'>, wanted: number): Promise<Record<string, string>> {
  const ask = (work: Promise<readonly { fine: boolean }[]>) =>
    within(
      work.then(
        ([row]) => (row?.fine ? 'ok' : 'incomplete'),
        (error: Error) => `failed (${'code' in error ? error.code : 'unknown'})`,
      ),
      'no answer in 3 s',
    )
  const [database, migrations, queue] = await Promise.all([
    ask(d.sql`select true as fine`),
    ask(d.sql`
      select count(*) filter (where finished_at is not null and rolled_back_at is null) >= ${wanted} as fine from _prisma_migrations`),
    ask(d.sql`select count(*) >= 0 as fine from (select 1 from graphile_worker._private_jobs limit 1) as job`),
  ])
  return { database, migrations, queue }
}

const gauge = (name: string, help: string, ...labels: string[]): Gauge =>
  (register.getSingleMetric(name) as Gauge | undefined) ?? new Gauge({ name, help, labelNames: labels })

const makeGauges = () => ({
  database: gauge('drydock_database_up', '1 where the database gave the numbers below, else 0.'),
  jobs: gauge('drydock_jobs_waiting', 'Jobs in the queue, by task.', 'task'),
  builds: gauge('drydock_builds', 'Builds, by state.', 'state'),
  machines: gauge('drydock_machines', 'Hosts made by docker-machine, by state.', 'state'),
  tags: gauge('drydock_tags', 'Tags, by status.', 'status'),
  people: gauge(
    'drydock_people_source_age_seconds',
    'Seconds since a source of people was read well, by source.',
    'source',
  ),
  peopleFailing: gauge(
    'drydock_people_source_failing',
    '1 where the last reading of a source of people failed, by source.',
    'source',
  ),
  unheard: gauge(
    'drydock_namespaces_unheard',
    'Namespaces with outdated tags of which nobody hears, neither a person nor a channel.',
  ),
  events: gauge('drydock_events', 'Events of the last day, by outcome.', 'outcome'),
})

async function measure(
  d: Pick<Deps, 'sql' | 'log'>,
  gauges: ReturnType<typeof makeGauges>,
  unheard: () => Promise<number>,
): Promise<void> {
  const [jobs, builds, machines, tags, people, events, lost] = await Promise.all([
    waitingJobs(d.sql),
    d.sql<{ state: string; count: bigint }[]>`select state, count(*) from build group by state`,
    d.sql<{ state: string; count: bigint }[]>`select state, count(*) from machine group by state`,
    d.sql<
      { status: string; count: bigint }[]
    >`select coalesce(status::text, 'unjudged') as status, count(*) from tag t join repository r on r.id = t.repository_id
      join registry g on g.id = r.registry_id where head_digest is not null and not g.outside group by 1`,
    d.sql<{ name: string; age: number | null; failing: boolean }[]>`
      select name, extract(epoch from now() - synced_at)::float8 as age, error is not null as failing from people_source`,
    d.sql<
      { outcome: string; count: bigint }[]
    >`select outcome, count(*) from event where received_at > now() - interval '1 day' group by outcome`,
    unheard(),
  ])
  for (const one of Object.values(gauges)) one.reset()
  for (const row of jobs) gauges.jobs.set({ task: row.task }, Number(row.count))
  for (const row of builds) gauges.builds.set({ state: row.state }, Number(row.count))
  for (const row of machines) gauges.machines.set({ state: row.state }, Number(row.count))
  for (const row of tags) gauges.tags.set({ status: row.status }, Number(row.count))
  for (const { name: source, age, failing } of people) {
    if (age !== null) gauges.people.set({ source }, Math.max(0, age))
    gauges.peopleFailing.set({ source }, failing ? 1 : 0)
  }
  gauges.unheard.set(lost)
  for (const row of events) gauges.events.set({ outcome: row.outcome }, Number(row.count))
}
