/**
 * How many ready builds a second are dispatched: queued builds of 50 namespaces, with a builder that does nothing; each is claimed when
 * it is its turn, leased, run in a directory of its own and ended, as every build is. Beside it no-op jobs of the queue itself
 * (graphile-worker), one for each build: in turns, on one database, with as many workers. Run: npm run bench:dispatch
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import pino from 'pino'
import { buildRunner } from '../src/build/build.ts'
import type { Course } from '../src/build/course.ts'
import { defaultBuildSettings } from '../src/build-settings.ts'
import type { Config } from '../src/config.ts'
import { startEmbedded } from '../src/db/embedded.ts'
import { migrate } from '../src/db/migrate.ts'
import { connect, type Sql } from '../src/db/postgres.ts'
import { makePrisma } from '../src/db/prisma.ts'
import type { Deps } from '../src/deps.ts'
import { makeJobs, type Tasks } from '../src/jobs/jobs.ts'
import { runWorkers } from '../src/jobs/run-workers.ts'
import { median, report } from './report.ts'

const rounds = 3
const count = Number(process.argv[2] ?? 10_000)
const namespaces = 50
const buildWorkers = 8
const jobs = makeJobs()
const log = pino({ level: 'error' })

/** Every build's course but for what it builds: nothing. */
const idle: Course = {
  builder: () => ({
    name: 'nothing',
    run: async () => ({ digest: `sha256:${'0'.repeat(64)}` as never, bases: [], commit: null }),
    clean: async () => undefined,
  }),
  given: () => ({ bases: [], annotations: {}, logins: {} as never }),
  findPushed: async () => null,
  unstage: async () => [],
  record: async () => undefined,
  pushed: async () => null,
  ended: async () => undefined,
}

const queueBuilds = (sql: Sql) => sql`
  insert into build (ref, key, reason, recipe, namespace_key, automatic, priority)
  select 'r.example/team' || n % ${namespaces} || '/app' || n || ':1', '', '{}', '{"strategy": "rebase"}', 'team' || n % ${namespaces}, true, 1
  from generate_series(1, ${count}::int) n`

/** Works until nothing is left, as `left` counts it; the things done a second. */
async function measure(d: Deps, url: string, tasks: Partial<Tasks>, left: () => Promise<bigint>): Promise<number> {
  const began = performance.now()
  const roles = { worker: false, builder: true }
  const workers = await runWorkers({ url, sql: d.sql, log, tasks: tasks as Tasks, roles, buildWorkers })
  try {
    while ((await left()) > 0n) await sleep(20)
    return (count * 1000) / (performance.now() - began)
  } finally {
    await workers.stop()
  }
}

async function builds(d: Deps, url: string): Promise<number> {
  await d.sql`truncate build cascade`
  await queueBuilds(d.sql)
  await d.sql`analyze build`
  await jobs.enqueue(d.sql, 'build', {})
  const run = buildRunner(d, () => idle)
  const left = async () =>
    (await d.sql<{ left: bigint }[]>`select count(*) as left from build where finished_at is null`)[0]!.left
  const perSecond = await measure(d, url, { build: (_, { signal }) => run('any', signal) }, left)
  const [failed] = await d.sql`select error from build where state <> 'succeeded' limit 1`
  if (failed) throw new Error(`a build failed: ${JSON.stringify(failed)}`)
  return perSecond
}

async function noOps(d: Deps, url: string): Promise<number> {
  await jobs.enqueueMany(
    d.sql,
    'build',
    Array.from({ length: count }, () => ({})),
  )
  await d.sql`analyze graphile_worker._private_jobs`
  const left = async () =>
    (await d.sql<{ left: bigint }[]>`select count(*) as left from graphile_worker._private_jobs`)[0]!.left
  return measure(d, url, { build: async () => undefined }, left)
}

const folder = mkdtempSync(join(tmpdir(), 'drydock-dispatch-'))
const database = await startEmbedded(folder)
try {
  await migrate(database.url)
  const [sql, db] = [connect(database.url, { max: 20 }), makePrisma(database.url)]
  const config = { builder: 'rebase', ...defaultBuildSettings() } as unknown as Config
  const d = { sql, db, jobs, log, config, clock: () => new Date() } as unknown as Deps
  const [ours, theirs]: [number[], number[]] = [[], []]
  for (let round = 0; round < rounds; round++) {
    theirs.push(await noOps(d, database.url))
    ours.push(await builds(d, database.url))
  }
  const [mine, rivals] = [median(ours), median(theirs)]
  report({
    name: `ready builds dispatched: ${count} of ${namespaces} namespaces, ${buildWorkers} workers, a builder that does nothing`,
    ours: ['builds, in fair order, to their end', mine, '/s'],
    rival: ['no-op jobs of graphile-worker', rivals, '/s'],
    ratio: mine / rivals,
    wanted: 'at least 500 builds a second',
  })
  await Promise.all([sql.end({ timeout: 5 }), db.$disconnect()])
} finally {
  await database.stop()
  rmSync(folder, { recursive: true, force: true })
}
