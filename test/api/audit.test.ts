import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { put, storeAccessWorld } from './access-world.ts'
import { startApi, type TestApi } from './start-api.ts'

/** What the audit log says was done: enough to know it afterwards, and no secret. */
let pg: TestDatabase
let api: TestApi
let ids: Awaited<ReturnType<typeof storeAccessWorld>>
beforeAll(async () => {
  pg = await testDatabase()
  api = await startApi(pg)
  ids = await storeAccessWorld(pg, api)
}, 600_000)
afterAll(async () => {
  await api.close()
  await pg.close()
})

const last = async () => (await api.get('audit?limit=1')).items[0]
const soon = () => new Date(Date.now() + 3_600_000).toISOString()
const secret = 'a-secret-that-nobody-may-read'

test.each([
  ['PUT', 'namespaces/plaza/members/vera', { role: 'contributor' }, { role: 'contributor' }],
  ['PUT', 'namespaces/plaza', { visibility: 'protected' }, { visibility: 'protected' }],
  ['PUT', 'users/vera', { email: null, admin: true }, { email: null, admin: true }],
  ['PUT', 'users/vera/password', { password: secret }, null],
  [
    ...['PUT', 'namespaces/plaza/credentials/n'],
    { kind: 'git', urlPrefix: 'https://git.test/', username: 'bot', password: secret },
    { kind: 'git', urlPrefix: 'https://git.test/', username: 'bot' },
  ],
  [
    ...['PUT', 'namespaces/plaza/channels/n'],
    { kind: 'slack', url: `https://chat.test/${secret}` },
    { kind: 'slack', enabled: true },
  ],
  ['PUT', 'namespaces/plaza/git-hook', { secret: `${secret}-of-a-hook` }, null],
  ['PUT', 'policies/plaza', { exclude: ['pr-*'] }, { exclude: ['pr-*'] }],
  ['PUT', 'pauses/plaza', { reason: 'frozen' }, { reason: 'frozen' }],
  [
    'POST',
    'tokens',
    { user: 'vera', name: 'ci', scopes: ['build:plaza'] },
    { scopes: ['build:plaza'], expiresAt: null },
  ],
  ['DELETE', 'namespaces/plaza/members/vera', undefined, null],
] as [string, string, object | undefined, object | null][])('%s %s', async (method, path, body, details) => {
  const answer = await api.call(method, path, body === undefined ? {} : { body })
  expect([path, answer.status < 300]).toEqual([path, true])
  const entry = await last()
  expect(entry?.details).toEqual(details === null ? null : expect.objectContaining(details))
  expect(JSON.stringify(entry)).not.toContain(secret)
})

test('what was named by an id alone, and is gone', async () => {
  const { token, snooze, build, plan } = ids.plaza
  for (const [method, path, body, details] of [
    ['DELETE', `tokens/${token}`, undefined, { user: 'someone', name: 'for plaza', scopes: [] }],
    ['DELETE', `snoozes/${snooze}`, undefined, { kind: 'tag', ref: 'reg:5000/plaza/run:1', by: 'root' }],
    ['POST', `builds/${build}/cancel`, undefined, { ref: 'reg:5000/plaza/run:1' }],
    ['POST', `plans/${plan}/cancel`, { by: 'owen' }, { base: 'reg:5000/plaza/base:1', by: 'owen' }],
  ] as const) {
    await api.call(method, path, body === undefined ? {} : { body })
    expect([path, (await last())?.details]).toEqual([path, expect.objectContaining(details)])
  }
  await api.call('DELETE', `tokens/${crypto.randomUUID()}`)
  await api.call('DELETE', 'snoozes/no-uuid')
  expect((await api.get('audit?limit=2')).items.map(({ details }) => details)).toEqual([null, null])
})

test('what is long is cut', async () => {
  await put(api, 'pauses/plaza', { reason: 'r'.repeat(1000) })
  expect((await last())?.details).toEqual({ reason: 'r'.repeat(300) })
  const snooze = { kind: 'tag', ref: 'plaza/run:1', reason: 'why', expiresAt: soon() }
  expect((await api.call('POST', 'snoozes', { body: snooze })).status).toBe(201)
  expect((await last())?.details).toMatchObject({ reason: 'why', expiresAt: snooze.expiresAt })
})
