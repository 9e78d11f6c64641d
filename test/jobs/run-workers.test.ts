import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import pino from 'pino'
import { makeJobs, type Tasks } from '../../src/jobs/jobs.ts'
import { runWorkers, type Workers } from '../../src/jobs/run-workers.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { type TcpProxy, tcpProxy } from '../support/tcp-proxy.ts'
import { tasksThat } from './tasks-that.ts'

const jobs = makeJobs()
let pg: TestDatabase
const started: Workers[] = []

beforeEach(async () => {
  pg = await testDatabase()
})
afterEach(async () => {
  await endWorkers()
  await pg.close()
})

async function endWorkers(): Promise<void> {
  await Promise.all(started.splice(0).map((workers) => workers.stop()))
}

/** Workers of both roles; a pool nobody holds counts as dead at once, so that no test waits for the grace. */
async function work(given: Partial<Tasks>, url = pg.url): Promise<Workers> {
  const workers = await runWorkers({
    url,
    sql: pg.sql,
    log: pino({ level: 'silent' }),
    roles: { worker: true, builder: true },
    buildWorkers: 2,
    graceMs: 0,
    tasks: tasksThat(given),
  })
  started.push(workers)
  return workers
}

/** A promise and how to keep it. */
const promised = <T = void>() => Promise.withResolvers<T>()

const lockHolders = async () =>
  (
    await pg.sql<{ pid: number }[]>`
    select distinct pid from pg_locks where locktype = 'advisory' and classid = 7233003 and granted
      and database = (select oid from pg_database where datname = current_database())`
  ).map(({ pid }) => pid)

/** Asks until it is so; the test's own time limit ends it. */
async function until(so: () => Promise<boolean>): Promise<void> {
  while (!(await so())) await new Promise((resolve) => setTimeout(resolve, 50))
}

test('rebases wait for no build that is made elsewhere, however many hang', async () => {
  const [followed, rebased] = [promised(), promised()]
  const idle = promised()
  let following = 0
  const workers = await runWorkers({
    ...{ url: pg.url, sql: pg.sql, log: pino({ level: 'silent' }), buildWorkers: 2, elsewhere: true },
    roles: { worker: true, builder: false },
    tasks: tasksThat({
      build: async () => {
        if (++following === 2) followed.resolve()
        await idle.promise
      },
      'build-light': async () => rebased.resolve(),
    }),
  })
  started.push(workers)
  for (let i = 0; i < 3; i++) await jobs.enqueue(pg.sql, 'build', {})
  await followed.promise
  await jobs.enqueue(pg.sql, 'build-light', {})
  await rebased.promise
  expect(following).toBe(2)
  idle.resolve()
})

describe('a running job', () => {
  test('is left alone by every sweep while its process lives', async () => {
    const begun = promised()
    const end = promised()
    let runs = 0
    const workers = await work({
      build: async () => {
        runs++
        begun.resolve()
        await end.promise
      },
    })
    await jobs.enqueue(pg.sql, 'build', {})
    await begun.promise
    for (let i = 0; i < 3; i++) await workers.sweep()
    const [row] = await pg.sql<{ locked: boolean; attempts: number }[]>`
      select locked_by is not null as locked, attempts from graphile_worker._private_jobs`
    expect(row).toEqual({ locked: true, attempts: 1 })
    end.resolve()
    await until(async () => (await pg.sql`select 1 from graphile_worker._private_jobs`).length === 0)
    expect(runs).toBe(1)
  })

  test('is told alive again on a new connection when the old one was cut', async () => {
    const begun = promised()
    const end = promised()
    const workers = await work({ build: () => Promise.resolve(begun.resolve()).then(() => end.promise) })
    await jobs.enqueue(pg.sql, 'build', {})
    await begun.promise
    const [old] = await lockHolders()
    await pg.sql`select pg_terminate_backend(${old!})`
    await until(async () => (await lockHolders()).some((pid) => pid !== old))
    await until(async () => (await lockHolders()).length === 1)
    await workers.sweep()
    const [row] = await pg.sql<{ locked: boolean }[]>`
      select locked_by is not null as locked from graphile_worker._private_jobs`
    expect(row).toEqual({ locked: true })
    end.resolve()
  })

  test('of a process killed with SIGKILL is taken up by another, as a second attempt', async () => {
    await jobs.enqueue(pg.sql, 'build', {}, { queue: 'one-by-one' })
    const child = spawn(process.execPath, [fileURLToPath(new URL('hanging-worker.ts', import.meta.url)), pg.url], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, NODE_OPTIONS: '' },
    })
    expect(String((await once(child.stdout, 'data'))[0])).toBe('begun\n')
    const again = promised<number>()
    const workers = await work({ build: async (_, { attempt }) => again.resolve(attempt) })
    await workers.sweep()
    child.kill('SIGKILL')
    await once(child, 'exit')
    let done = false
    const redone = again.promise.finally(() => {
      done = true
    })
    await until(async () => {
      await workers.sweep()
      return done
    })
    expect(await redone).toBe(2)
  })
})

test('a process that stops in the midst of its jobs ends by itself, and holds none of them any more', async () => {
  const script = fileURLToPath(new URL('ending-worker.ts', import.meta.url))
  for (let i = 0; i < 3; i++) {
    await pg.sql`delete from graphile_worker._private_jobs`
    await jobs.enqueueMany(
      pg.sql,
      'build',
      Array.from({ length: 60 }, () => ({})),
    )
    const child = spawn(process.execPath, [script, pg.url], {
      env: { ...process.env, NODE_OPTIONS: '' },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const said = text(child.stdout)
    expect(await once(child, 'exit')).toEqual([0, null])
    const left = await pg.sql<{ locked: boolean }[]>`
      select locked_by is not null as locked from graphile_worker._private_jobs`
    expect(left.filter(({ locked }) => locked)).toEqual([])
    expect(left.length).toBeGreaterThanOrEqual(60 - Number(await said))
  }
}, 60_000)

test('jobs of one queue run one after another, and a failed one is tried again later without holding up the rest', async () => {
  const told: string[] = []
  let at = 0
  let most = 0
  const done = promised()
  await work({
    look: async ({ ref }) => {
      most = Math.max(most, ++at)
      await pg.sql`select 1`
      told.push(ref)
      at--
      if (told.length === 5) done.resolve()
      if (ref === 'b') throw new Error('not now')
    },
  })
  await pg.sql.begin(async (tx) => {
    for (const ref of ['a', 'b', 'c', 'd', 'e']) await jobs.enqueue(tx, 'look', { ref }, { queue: 'q' })
  })
  await done.promise
  expect([...told].sort()).toEqual(['a', 'b', 'c', 'd', 'e'])
  expect(most).toBe(1)
  await until(
    async () => (await pg.sql`select 1 from graphile_worker._private_jobs where last_error is not null`).length === 1,
  )
})

describe('a database that goes away and comes back', () => {
  let proxy: TcpProxy
  beforeEach(async () => {
    proxy = await tcpProxy(Number(new URL(pg.url).port))
  })
  afterEach(async () => {
    await endWorkers()
    await proxy.close()
  })

  /** Runs one build to `end` while the database is away, and waits until that is written down. */
  async function runThrough(end: () => Promise<void>): Promise<number> {
    const begun = promised()
    const away = promised()
    let runs = 0
    const url = new URL(pg.url)
    url.port = String(proxy.port)
    const build = async () => {
      runs++
      begun.resolve()
      await away.promise
      await end()
    }
    await work({ build }, url.href)
    await jobs.enqueue(pg.sql, 'build', {}, { maxAttempts: 1 })
    await begun.promise
    proxy.cut()
    away.resolve()
    await until(async () => proxy.refused() > 0) // the queue has seen that it cannot write
    proxy.mend()
    await until(
      async () => (await pg.sql`select 1 from graphile_worker._private_jobs where locked_by is not null`).length === 0,
    )
    return runs
  }

  test('finds the end of a job written down, and the job not run again', async () => {
    expect(await runThrough(async () => {})).toBe(1)
    expect(await pg.sql`select 1 from graphile_worker._private_jobs`).toHaveLength(0)
  })

  test('finds the failure of a job written down', async () => {
    const failed = runThrough(async () => {
      throw new Error('not built')
    })
    expect(await failed).toBe(1)
    const rows = await pg.sql<{ lastError: string }[]>`select last_error from graphile_worker._private_jobs`
    expect([...rows]).toEqual([{ lastError: expect.stringContaining('not built') }])
  })
})
