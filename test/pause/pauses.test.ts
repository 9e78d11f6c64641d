import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { loadPauses } from '../../src/pause/pauses.ts'
import { startApi, type TestApi } from '../api/start-api.ts'
import { drydock } from '../cli/run.ts'
import { configFor } from '../notify/config.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'

/** Pauses through the API and the command line, on a real database. */
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
afterEach(() => pg.sql`delete from pause`)

const plans = async () =>
  (
    await pg.sql`select 1 from graphile_worker._private_jobs j join graphile_worker._private_tasks t on t.id = j.task_id
    where t.identifier = 'plan'`
  ).length

test('a pause: made, changed, listed page after page, ended', async () => {
  const lib = await api.call('PUT', 'pauses/lib', { body: { reason: 'release week', by: 'ada' } })
  expect([lib.status, lib.body]).toEqual([
    200,
    { scope: 'lib', reason: 'release week', by: 'ada', since: expect.any(String) },
  ])
  expect((await api.call('PUT', 'pauses/lib', { body: {} })).body).toEqual({
    ...{ scope: 'lib', reason: null, by: 'admin', since: lib.body.since },
  })
  expect((await api.call('PUT', 'pauses/*', { body: {} })).body.scope).toBe('*')
  expect((await api.call('PUT', 'pauses/_', { body: {} })).body.scope).toBe('_')
  expect((await loadPauses(pg.sql)).map((pause) => pause.scope).sort()).toEqual(['*', '_', 'lib'])
  const first = await api.get('pauses?limit=2')
  expect(first.items.map((item) => item.scope)).toEqual(['*', '_'])
  expect((await api.get(`pauses?cursor=${first.next}`)).items.map((item) => item.scope)).toEqual(['lib'])
  expect(await plans()).toBe(0)
  expect((await api.call('DELETE', 'pauses/%2A')).status).toBe(204)
  expect(await plans()).toBe(1)
  const again = await api.call('DELETE', 'pauses/%2A')
  expect([again.status, again.body.code]).toEqual([404, 'no-such-pause'])
})

test.each(['Lib', 'a%2Fb%2Fc', '**', 'other.example%2Fteam'])('%s is no scope', async (scope) => {
  const answer = await api.call('PUT', `pauses/${scope}`, { body: {} })
  expect([answer.status, answer.body.code]).toEqual([400, 'bad-request'])
})

test('with several registries a namespace has its registry in front', async () => {
  const two = await startApi(pg, configFor(['reg:5000', 'other:5000']).registries)
  try {
    expect((await two.call('PUT', 'pauses/lib', { body: {} })).status).toBe(400)
    expect((await two.call('PUT', 'pauses/other%3A5000%2Flib', { body: {} })).body.scope).toBe('other:5000/lib')
  } finally {
    await two.close()
  }
})

test('from the shell', async () => {
  const env = { DRYDOCK_URL: api.url, DRYDOCK_TOKEN: api.token, USER: 'ada' }
  const good = async (...args: string[]) => {
    const { code, out, err } = await drydock(args, env)
    expect([args, code, err]).toEqual([args, 0, ''])
    return out
  }
  expect(await good('pause', 'lib', '--reason', 'release week')).toBe('no build starts by itself in lib\n')
  expect(await good('pause')).toBe('no build starts by itself everywhere\n')
  expect(await good('pauses')).toMatch(/^\*\t\S+\tada\t-\nlib\t\S+\tada\trelease week\n$/)
  expect(JSON.parse(await good('pauses', '--json'))).toEqual((await api.get('pauses')).items)
  expect(await good('resume', 'lib')).toBe('builds start by themselves again in lib\n')
  expect(await good('resume')).toBe('builds start by themselves again everywhere\n')
  const none = await drydock(['resume', 'lib'], env)
  expect([none.code, none.err]).toEqual([1, 'drydock: lib is not paused\n'])
})
