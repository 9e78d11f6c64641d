import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { makeJobs, waitingJobs } from '../../src/jobs/jobs.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'

const jobs = makeJobs()
let pg: TestDatabase

beforeAll(async () => {
  pg = await testDatabase()
})
afterAll(() => pg.close())
beforeEach(async () => {
  await pg.sql`delete from graphile_worker._private_jobs`
})

const waiting = async () =>
  Object.fromEntries((await waitingJobs(pg.sql)).map(({ task, count }) => [task, Number(count)]))

test('a job goes with the transaction that made it', async () => {
  const broken = pg.sql.begin(async (tx) => {
    await jobs.enqueue(tx, 'refresh', {})
    throw new Error('second thoughts')
  })
  await expect(broken).rejects.toThrow('second thoughts')
  expect(await waiting()).toEqual({})
  await pg.sql.begin((tx) => jobs.enqueue(tx, 'refresh', {}))
  expect(await waiting()).toEqual({ refresh: 1 })
})

test('wishes under one key are one job, with the last payload and time', async () => {
  const runAt = new Date('2030-01-02T03:04:05Z')
  await jobs.enqueue(pg.sql, 'look', { ref: 'first' }, { key: 'k' })
  await jobs.enqueue(pg.sql, 'look', { ref: 'second' }, { key: 'k', runAt, maxAttempts: 3, priority: 7 })
  const rows = await pg.sql`select payload, run_at, max_attempts, priority from graphile_worker._private_jobs`
  expect([...rows]).toEqual([{ payload: { ref: 'second' }, runAt, maxAttempts: 3, priority: 7 }])
})

test('many at once, and none', async () => {
  await jobs.enqueueMany(pg.sql, 'ingest', [{ eventId: 'a' }, { eventId: 'b' }])
  await jobs.enqueueMany(pg.sql, 'ingest', [])
  await jobs.enqueue(pg.sql, 'plan', {})
  expect(await waiting()).toEqual({ ingest: 2, plan: 1 })
})
