import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { AccessError } from '../../src/access/access-error.ts'
import { startSession } from '../../src/access/sessions.ts'
import { signedIn } from '../access/sign-ins.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { put } from './access-world.ts'
import { startApi, type TestApi } from './start-api.ts'

/** A name that is given to somebody opens nothing that was its last bearer's. */
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

const kept = async (name: string) => {
  const [row] = await pg.sql`
    select (select count(*)::int from token where user_name = ${name} and revoked_at is null) as tokens,
      (select count(*)::int from session where user_name = ${name}) as sessions,
      (select count(*)::int from password where user_name = ${name}) as passwords,
      (select count(*)::int from identity where user_name = ${name}) as identities`
  return Object.values(row ?? {})
}
const me = async (token: string) => (await api.call('GET', 'me', { token })).status
const said = (source: string, name: string) =>
  pg.sql`insert into person_said (source, name) values (${source}, ${name})`

test('who is removed and made again begins anew; so does what was made with their tokens', async () => {
  const { token } = await signedIn(api, 'bob')
  await put(api, 'users/eve', { email: null })
  await put(api, 'users/bob', { email: null, admin: true })
  const gift = await api.call('POST', 'tokens', { token, body: { user: 'eve', name: 'gift' } })
  expect([await kept('bob'), await me(String(gift.body.token))]).toEqual([[1, 1, 1, 1], 200])
  expect((await api.call('DELETE', 'users/bob')).status).toBe(204)
  await put(api, 'users/bob', { email: 'new@example.org' })
  expect([await me(token), await me(String(gift.body.token)), await kept('bob')]).toEqual([401, 401, [0, 0, 0, 0]])
})

test('nothing of roles, settings and mails is the next bearer’s', async () => {
  await put(api, 'users/pia', { email: 'pia@example.org' })
  await put(api, 'namespaces/hush/members/pia', { role: 'owner' })
  await put(api, 'users/pia/notifications', { every: 'off', namespaces: { hush: 'weekly' } })
  await pg.sql`
    insert into mail (message_id, user_name, "to", subject, text, html, state) values ('<pia>', 'pia', 'pia@example.org', 's', 't', 'h', 'kept')`
  await pg.sql`
    insert into mail (message_id, user_name, "to", subject, text, html, state) values ('<both>', 'pia', 'pia@example.org', 's', 't', 'h', 'kept')`
  await pg.sql`
    insert into notice (user_name, kind, namespace, ref, root, content, mail_id)
    select 'zoe', 'outdated', 'app', 'r.test/app/run:1', 'r', '{}', id from mail where message_id = '<both>'`
  await pg.sql`
    insert into notice (user_name, kind, namespace, ref, root, content)
    values ('pia', 'outdated', 'hush', 'r.test/hush/run:1', 'r', '{}')`
  expect((await api.call('DELETE', 'users/pia')).status).toBe(204)
  await put(api, 'users/pia', { email: 'another.pia@example.org' })
  expect((await api.get('namespaces/hush/members')).items).toEqual([])
  expect(await api.get('users/pia/notifications')).toMatchObject({ every: 'immediately', namespaces: {} })
  expect((await api.get('mails')).items.filter(({ user }) => user === 'pia')).toEqual([])
  expect(await pg.sql`select from notice where user_name = 'pia'`).toHaveLength(0)
  // what a mail told somebody else too stays told
  expect(
    await pg.sql`select m.user_name from notice n join mail m on m.id = n.mail_id where n.user_name = 'zoe'`,
  ).toEqual([{ userName: 'zoe' }])
})

test('a removal, tokens that are made and people who sign in wait for each other, and none is turned away by that', async () => {
  for (let times = 0; times < 10; times++) {
    const { token } = await signedIn(api, 'rob')
    const make = () => api.call('POST', 'tokens', { token, body: { user: 'rob', name: 'more' } })
    const enter = () =>
      startSession(api.d, { user: 'rob', via: 'password', subject: null, admin: false, phc }).catch(
        (error: unknown) => error,
      )
    const [{ phc } = { phc: '' }] = await pg.sql<{ phc: string }[]>`select phc from password where user_name = 'rob'`
    const [removed, ...made] = await Promise.all([
      api.call('DELETE', 'users/rob'),
      ...Array.from({ length: 6 }, make),
      ...Array.from({ length: 6 }, enter),
    ])
    expect(removed.status).toBe(204)
    for (const one of made)
      expect(
        one instanceof AccessError || typeof one === 'string' ? 0 : (one as { status: number }).status,
      ).toBeLessThan(500)
    expect(await kept('rob')).toEqual([0, 0, 0, 0])
  }
})

test('whom another source says too stays who they are', async () => {
  const { token } = await signedIn(api, 'cyd')
  await said('other', 'cyd')
  expect((await api.call('DELETE', 'users/cyd')).status).toBe(204)
  expect([await me(token), await kept('cyd')]).toEqual([200, [1, 1, 1, 1]])
})

test('whom no source says any more comes back with a source as they were, and by hand as somebody new', async () => {
  for (const [name, byHand] of [
    ['dan', false],
    ['dora', true],
  ] as const) {
    const { token } = await signedIn(api, name)
    await pg.sql`delete from person_said where name = ${name}`
    await pg.sql`update person set enabled = false where name = ${name}`
    expect(await me(token)).toBe(401)
    if (byHand) await put(api, `users/${name}`, { email: null })
    else {
      await said('other', name)
      await pg.sql`update person set enabled = true where name = ${name}`
    }
    expect(await me(token)).toBe(byHand ? 401 : 200)
  }
})

test('what is left out of a PUT stays: who is disabled, who is an admin', async () => {
  await put(api, 'users/fay', { email: null, displayName: 'Fay', enabled: false, bot: true, admin: true })
  const changed = await api.call('PUT', 'users/fay', { body: { email: 'fay@example.org' } })
  expect(changed.body).toEqual({
    ...{ name: 'fay', email: 'fay@example.org', displayName: 'Fay', enabled: false, bot: true, admin: true },
  })
  const named = await api.call('PUT', 'users/fay', {
    body: { email: null, displayName: null, enabled: true, bot: false },
  })
  expect(named.body).toMatchObject({ email: null, displayName: null, enabled: true, bot: false, admin: true })
})

test('a user is untied from their provider: the sessions from there end, and every token with what it made', async () => {
  const { token } = await signedIn(api, 'gus')
  const { body: child } = await api.call<{ token: string }>('POST', 'tokens', {
    token,
    body: { name: 'kept for later' },
  })
  const opens = async () => [
    (await api.call('GET', 'me', { token })).status,
    (await api.call('GET', 'me', { token: child.token })).status,
  ]
  expect(await opens()).toEqual([200, 200])
  const path = 'users/gus/identities'
  expect((await api.get(path)).items).toMatchObject([{ issuer: 'https://op.test', subject: 'gus-1' }])
  expect([(await api.call('DELETE', path)).status, (await api.call('DELETE', path)).body.code]).toEqual([
    204,
    'no-such-user',
  ])
  expect(await kept('gus')).toEqual([0, 0, 1, 0])
  expect(await opens()).toEqual([401, 401])
  const [, untied] = (await api.get('audit?limit=2')).items
  expect(untied).toMatchObject({
    ...{ action: 'DELETE /users/{name}/identities', subject: 'gus', status: 204 },
    details: { identities: ['gus-1 at https://op.test'] },
  })
})

test('addresses and what people are called are for admins and themselves', async () => {
  await put(api, 'users/hal', { email: 'hal@example.org', displayName: 'Hal' })
  const { token } = await signedIn(api, 'ina')
  await put(api, 'namespaces/app/members/ina', { role: 'owner' })
  const member = await api.call('PUT', 'namespaces/app/members/hal', { token, body: { role: 'viewer' } })
  expect(member.body).toEqual({ user: 'hal', role: 'viewer', email: null, displayName: null })
  const list = async (as?: string) =>
    (await api.call('GET', 'namespaces/app/members', as ? { token: as } : {})).body.items.map(({ email }) => email)
  expect([await list(), await list(token)]).toEqual([
    ['hal@example.org', 'ina@example.org'],
    [null, 'ina@example.org'],
  ])
})
