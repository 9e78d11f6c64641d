import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { put } from './access-world.ts'
import { type Answer, type Loose, startApi, type TestApi } from './start-api.ts'

let pg: TestDatabase
let api: TestApi
beforeAll(async () => {
  pg = await testDatabase()
  api = await startApi(pg)
  for (const user of ['ann', 'bob']) await put(api, `users/${user}`, { email: `${user}@example.org` })
  await put(api, 'users/root', { email: null, admin: true })
  await put(api, 'namespaces/app/members/ann', { role: 'owner' })
})
afterAll(async () => {
  await api.close()
  await pg.close()
})

type Made = Loose & { token: string }
const make = (body: object, token?: string): Promise<Answer<Made>> =>
  api.call<Made>('POST', 'tokens', { body: { name: 't', ...body }, ...(token === undefined ? {} : { token }) })
const tokenOf = async (user: string, more: object = {}): Promise<Made> => {
  const made = await make({ user, ...more })
  expect([made.status, made.body.code]).toEqual([201, undefined])
  return made.body
}
const me = (token: string) => api.call('GET', 'me', { token })
const soon = (ms: number) => new Date(Date.now() + ms).toISOString()

test('a token is shown once, and its hash alone is kept', async () => {
  const made = await tokenOf('ann', { name: 'ci', scopes: ['build:app'], expiresAt: soon(3_600_000) })
  expect(made).toMatchObject({ user: 'ann', name: 'ci', scopes: ['build:app'], lastUsedAt: null })
  expect(made.token).toMatch(/^ddk_[A-Za-z0-9_-]{43}$/)
  const listed = await api.call('GET', 'tokens?user=ann')
  expect(listed.body.items.map((item) => item.id)).toContain(made.id)
  expect(listed.text).not.toContain(made.token)
  const [kept] = await pg.sql<
    { row: string }[]
  >`select row_to_json(token)::text as row from token where id = ${made.id}`
  expect(kept!.row).not.toContain(made.token)
  expect(kept!.row).not.toContain(made.token.slice(4))
  const { token } = await tokenOf('ann')
  expect((await me(token)).body).toMatchObject({
    ...{ name: 'ann', admin: false, scopes: [], email: 'ann@example.org' },
    namespaces: [{ namespace: 'app', role: 'owner' }],
  })
})

test('when it was used last, to the minute', async () => {
  const { id, token } = await tokenOf('ann')
  await me(token)
  const lastUsed = async () =>
    (await pg.sql<{ at: Date | null }[]>`select last_used_at as at from token where id = ${id}`)[0]!.at
  const first = await lastUsed()
  expect([first!.getUTCSeconds(), first!.getUTCMilliseconds()]).toEqual([0, 0])
  expect(Math.abs(Date.now() - first!.getTime())).toBeLessThan(600_000)
  await pg.sql`update token set last_used_at = now() + interval '1 day' where id = ${id}`
  const ahead = await lastUsed()
  await me(token)
  expect(await lastUsed()).toEqual(ahead)
})

test('expired, revoked, or of somebody disabled: at once nothing', async () => {
  const [expired, revoked, disabled] = [await tokenOf('ann'), await tokenOf('ann'), await tokenOf('bob')]
  for (const { token } of [expired, revoked, disabled]) expect((await me(token)).status).toBe(200)
  await pg.sql`update token set expires_at = now() - interval '1 millisecond' where id = ${expired.id}`
  expect((await api.call('DELETE', `tokens/${revoked.id}`)).status).toBe(204)
  expect((await api.call('DELETE', `tokens/${revoked.id}`)).body.code).toBe('no-such-token')
  await put(api, 'users/bob', { email: null, enabled: false })
  for (const { token } of [expired, revoked, disabled]) {
    const answer = await me(token)
    expect([answer.status, answer.body.code]).toEqual([401, 'unauthorized'])
  }
  expect((await make({ user: 'bob' })).body.code).toBe('no-such-user')
  await put(api, 'users/bob', { email: null, enabled: true })
  expect((await me(disabled.token)).status).toBe(200)
})

test('one’s own, and an admin’s for anybody', async () => {
  const ann = await tokenOf('ann')
  const bob = await tokenOf('bob')
  const root = await tokenOf('root')
  expect((await make({}, ann.token)).body.user).toBe('ann')
  expect((await make({ user: 'bob' }, ann.token)).body.code).toBe('forbidden')
  expect((await make({ user: 'bob' }, root.token)).status).toBe(201)
  expect((await make({ user: 'nobody' }, root.token)).body.code).toBe('no-such-user')
  expect((await make({})).body.code).toBe('no-such-user')
  const own = await api.call('GET', 'tokens', { token: ann.token })
  expect(new Set(own.body.items.map((item) => item.user))).toEqual(new Set(['ann']))
  expect((await api.call('GET', 'tokens?user=bob', { token: ann.token })).body.items).toEqual([])
  expect((await api.call('DELETE', `tokens/${bob.id}`, { token: ann.token })).body.code).toBe('no-such-token')
  expect((await me(bob.token)).status).toBe(200)
  expect((await api.call('DELETE', `tokens/${bob.id}`, { token: root.token })).status).toBe(204)
})

test('what a token makes goes no further, and lives no longer', async () => {
  const narrow = await tokenOf('ann', { scopes: ['build:app'], expiresAt: soon(3_600_000) })
  const earlier = { expiresAt: soon(60_000) }
  for (const scopes of [[], ['build'], ['manage:app'], ['build:other'], ['build:app', 'read']])
    expect([scopes, (await make({ scopes, ...earlier }, narrow.token)).body.code]).toEqual([scopes, 'forbidden'])
  expect((await make({ scopes: ['read:app'], ...earlier }, narrow.token)).status).toBe(201)
  expect((await make({ scopes: ['read:app'] }, narrow.token)).body.code).toBe('forbidden')
  expect((await make({ scopes: ['read:app'], expiresAt: soon(7_200_000) }, narrow.token)).body.code).toBe('forbidden')
  const others = await tokenOf('ann')
  expect((await api.call('DELETE', `tokens/${others.id}`, { token: narrow.token })).body.code).toBe('forbidden')
  expect((await api.call('DELETE', `tokens/${narrow.id}`, { token: narrow.token })).status).toBe(204)
  expect((await me(narrow.token)).status).toBe(401)
})

test('revoking a token revokes what was made with it, and what was made with that, whoever’s it is', async () => {
  const root = await tokenOf('root')
  const [other, child] = [await tokenOf('root'), (await make({ user: 'ann' }, root.token)).body]
  const grandchild = (await make({}, String(child.token))).body
  const made = [child, grandchild].map(({ token }) => String(token))
  for (const token of made) expect((await me(token)).status).toBe(200)
  expect((await api.call('DELETE', `tokens/${root.id}`)).status).toBe(204)
  for (const token of [root.token, ...made]) expect((await me(token)).status).toBe(401)
  expect((await me(other.token)).status).toBe(200)
})

test('none that is just being made outlives the one it is made with', async () => {
  const root = await tokenOf('root')
  const [gone, ...made] = await Promise.all([
    api.call('DELETE', `tokens/${root.id}`),
    ...Array.from({ length: 8 }, () => make({}, root.token)),
  ])
  expect(gone.status).toBe(204)
  for (const { status, body } of made) {
    expect([201, 401]).toContain(status)
    if (status === 201) expect((await me(String(body.token))).status).toBe(401)
  }
})

test('one that is narrowed to a namespace reads of no other: not among tokens, not among settings', async () => {
  await api.call('PUT', 'users/ann/notifications', { body: { namespaces: { hush: 'off', app: 'daily' } } })
  await tokenOf('ann', { scopes: ['read:hush'], name: 'for hush' })
  const narrow = await tokenOf('ann', { scopes: ['read:app'] })
  const own = await make({ scopes: ['read:app'], name: 'of narrow' }, narrow.token)
  const tokens = await api.call('GET', 'tokens', { token: narrow.token })
  expect(new Set(tokens.body.items.map(({ id }) => id))).toEqual(new Set([narrow.id, own.body.id]))
  const settings = await api.call('GET', 'me/notifications', { token: narrow.token })
  expect(settings.body.namespaces).toEqual({ app: 'daily' })
})

test.each([
  [{ scopes: ['write'] }, 'scopes.0'],
  [{ scopes: ['read:'] }, 'scopes.0'],
  [{ expiresAt: '2020-01-01T00:00:00Z' }, 'expiresAt'],
  [{ name: ' ' }, 'name'],
])('%j is refused', async (body, path) => {
  const answer = await make({ user: 'ann', ...body })
  expect([answer.status, answer.body.errors.map((error) => error.path)]).toEqual([400, [path]])
})
