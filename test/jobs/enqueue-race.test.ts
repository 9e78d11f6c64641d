import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { makeJobs } from '../../src/jobs/jobs.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'

const jobs = makeJobs()
let pg: TestDatabase
beforeAll(async () => {
  pg = await testDatabase()
})
afterAll(() => pg.close())

/** True once a statement of another session waits for a row or a transaction of somebody else. */
async function somebodyWaits(): Promise<void> {
  for (;;) {
    const [row] = await pg.sql<{ waiting: boolean }[]>`
      select exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock') as waiting`
    if (row!.waiting) return
    await sleep(5)
  }
}

test('a wish is a job of its own where the job of its key begins while the wish waits', async () => {
  // the queue must know the task already, or the second wish would wait for that, and so be too late for the race
  await jobs.enqueue(pg.sql, 'plan', {})
  await pg.sql`delete from graphile_worker._private_jobs`
  let second: Promise<unknown> = Promise.resolve()
  await pg.sql.begin(async (tx) => {
    await jobs.enqueue(tx, 'plan', {}, { key: 'plan' })
    second = pg.sql.begin((other) => jobs.enqueue(other, 'plan', {}, { key: 'plan' }))
    await somebodyWaits()
    // what a worker does that is quicker than the second wish
    await tx`update graphile_worker._private_jobs set locked_at = now(), locked_by = 'worker' where key = 'plan'`
  })
  await second
  const rows = await pg.sql`select key, locked_at is not null as running from graphile_worker._private_jobs order by id`
  expect(rows).toEqual([
    { key: null, running: true },
    { key: 'plan', running: false },
  ])
})
