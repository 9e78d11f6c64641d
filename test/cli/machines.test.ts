import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { startApi, type TestApi } from '../api/start-api.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { drydock } from './run.ts'

let pg: TestDatabase
let api: TestApi
beforeAll(async () => {
  pg = await testDatabase()
  api = await startApi(pg)
})
afterAll(async () => {
  await api.close()
  await pg.close()
})

test('machines: in the API, the shell and the numbers, with why one is still there', async () => {
  const id = crypto.randomUUID()
  await pg.db.build.create({ data: { id, ref: 'a/b:1', key: '', reason: {}, recipe: {}, state: 'running' } })
  const leaseUntil = new Date(Date.now() + 60_000)
  const usual = { profile: 'default', driver: 'amazonec2', owner: 'host-1a2b', leaseUntil }
  const error = { code: 'machine-left', message: 'i/o timeout', tries: 2 }
  const old = new Date(Date.now() - 3_600_000)
  await pg.db.machine.create({
    data: { ...usual, name: 'm-left', state: 'removing', createdAt: old, readyAt: old, error },
  })
  await pg.db.machine.create({ data: { ...usual, name: 'm-used', state: 'leased', buildId: id } })
  const { items, next } = await api.get('machines')
  expect(next).toBeNull()
  expect(items).toMatchObject([
    { name: 'm-left', state: 'removing', build: null, readyAt: old.toISOString(), error },
    {
      name: 'm-used',
      state: 'leased',
      build: id,
      readyAt: null,
      error: null,
      ageSeconds: expect.any(Number),
      driver: 'amazonec2',
    },
  ])
  expect(Number(items[0]!.ageSeconds) - Number(items[1]!.ageSeconds)).toBeGreaterThanOrEqual(3599)
  const env = { DRYDOCK_URL: api.url, DRYDOCK_TOKEN: api.token }
  const { code, out } = await drydock(['machines'], env)
  expect(code).toBe(0)
  expect(out.split('\n')[0]!.split('\t')).toEqual([
    ...['m-left', 'removing', 'default', 'amazonec2'],
    expect.stringMatching(/^6\d min$/),
    ...['-', 'host-1a2b', 'i/o timeout'],
  ])
  const json = JSON.parse((await drydock(['machines', '--json'], env)).out) as { name: string }[]
  expect(json.map((machine) => machine.name)).toEqual(['m-left', 'm-used'])
  const metrics = await api.call('GET', '/metrics', { token: null })
  expect(metrics.text).toContain('drydock_machines{state="removing"} 1')
})
