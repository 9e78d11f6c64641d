import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { put } from '../api/access-world.ts'
import { startApi, type TestApi } from '../api/start-api.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { drydock } from './run.ts'

let pg: TestDatabase
let api: TestApi
beforeAll(async () => {
  pg = await testDatabase()
  api = await startApi(pg)
  await put(api, 'users/ann', { email: null })
})
afterAll(async () => {
  await api.close()
  await pg.close()
})

const run = (token: string, ...args: string[]) =>
  drydock(['token', ...args], { DRYDOCK_URL: api.url, DRYDOCK_TOKEN: token })

test('token: create, list, rm', async () => {
  const made = await run(
    api.token,
    'create',
    'ci',
    '--user',
    'ann',
    '--scope',
    'read',
    '--scope',
    'manage:app',
    '--days',
    '2',
  )
  expect([made.code, made.err]).toEqual([0, expect.stringContaining('of ann, expires 2')])
  const token = made.out.trim()
  expect(token).toMatch(/^ddk_\S{43}$/)
  const listed = await run(token, 'list')
  const [id, ...cells] = listed.out.trim().split('\t')
  expect(cells).toEqual(['ann', 'ci', 'read manage:app', expect.stringMatching(/^2/), expect.stringMatching(/^2/)])
  const own = await run(token, 'create', 'other', '--json', '--scope', 'read', '--expires', new Date().toISOString())
  expect([own.code, own.err]).toEqual([1, expect.stringContaining('is in the past')])
  expect(await run(api.token, 'rm', id!)).toEqual({ code: 0, out: `revoked ${id}\n`, err: '' })
  const revoked = await run(token, 'list')
  expect([revoked.code, revoked.err]).toEqual([1, expect.stringContaining('the API token is not valid')])
  expect(JSON.parse((await run(api.token, 'list', '--json')).out)).toEqual([])
})

test.each([
  [['create', 'x', '--days', '0'], 'whole number'],
  [['create', 'x', '--days', '1', '--expires', '2030-01-01'], 'not both'],
  [['create', 'x', '--expires', 'soon'], 'is no time'],
  [['create'], 'missing required argument'],
])('%j is used wrongly', async (args, why) => {
  const { code, err } = await run(api.token, ...args)
  expect([code, err]).toEqual([2, expect.stringContaining(why)])
})
