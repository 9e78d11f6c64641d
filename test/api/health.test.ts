import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { storeSmallWorld } from './small-world.ts'
import { startApi, type TestApi } from './start-api.ts'

let pg: TestDatabase
let api: TestApi
beforeAll(async () => {
  pg = await testDatabase()
  await storeSmallWorld(pg)
  api = await startApi(pg)
})
afterAll(async () => {
  await api.close()
})

const ask = (path: string) => api.call('GET', path, { token: null })

test('lives, is ready, and counts, without a token', async () => {
  expect((await ask('/healthz')).body).toEqual({ status: 'ok' })
  const ready = await ask('/readyz')
  expect([ready.status, ready.body]).toEqual([
    200,
    { status: 'ok', checks: { database: 'ok', migrations: 'ok', queue: 'ok' } },
  ])
  const metrics = await ask('/metrics')
  expect(metrics.headers.get('content-type')).toMatch(/^text\/plain/)
  expect(metrics.text).toContain('drydock_tags{status="outdated"} 3')
  expect(metrics.text).toContain('drydock_database_up 1')
})

test('is not ready where a migration is missing', async () => {
  await pg.sql`update _prisma_migrations set finished_at = null where migration_name like '%tag_base_names'`
  const ready = await ask('/readyz')
  expect([ready.status, ready.body.checks.migrations]).toEqual([503, 'incomplete'])
  await pg.sql`update _prisma_migrations set finished_at = now()`
})

test('says so while the database hangs, and counts again after', async () => {
  const up = async () => /^drydock_database_up (\d)$/m.exec((await ask('/metrics')).text)?.[1]
  await pg.sql.begin(async (tx) => {
    await tx`lock table event in access exclusive mode`
    const metrics = await ask('/metrics')
    expect(metrics.status).toBe(200)
    expect(metrics.text).toContain('drydock_database_up 0')
    expect(metrics.text).not.toContain('drydock_tags{')
    // who asks meanwhile waits with the first, and asks the database for nothing more
    expect([await up(), await up()]).toEqual(['0', '0'])
    const held = await tx`select from pg_stat_activity where wait_event_type = 'Lock' and query like '%from event%'
      and datname = current_database()`
    expect(held).toHaveLength(1)
  })
  let after = await up()
  while (after === '0') after = await up()
  expect(after).toBe('1')
})

test('says so where the database is gone', async () => {
  await pg.close()
  const ready = await ask('/readyz')
  expect([ready.status, ready.body.status]).toEqual([503, 'not ready'])
  expect(ready.text).not.toMatch(/127\.0\.0\.1|test_/)
  expect((await ask('/healthz')).status).toBe(200)
  const metrics = await ask('/metrics')
  expect([metrics.status, /drydock_database_up 0/.test(metrics.text)]).toEqual([200, true])
  expect(metrics.text).not.toContain('drydock_tags{')
  for (const path of ['tags', 'users', 'recipes/a%2Fb%3A1', 'mails']) {
    const answer = await api.call('GET', path)
    expect([path, answer.status, answer.body.code]).toEqual([path, 503, 'database-down'])
  }
})
