import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { identifyPerson } from '../../src/access/identify-person.ts'
import type { OidcClaims } from '../../src/access/oidc.ts'
import { putUser, removeUser } from '../../src/people/users.ts'
import { testDeps } from '../support/deps.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'

let pg: TestDatabase
beforeAll(async () => {
  pg = await testDatabase()
})
beforeEach(async () => {
  await pg.sql`truncate person_said, person cascade`
  for (const name of ['ada', 'off'])
    await putUser(pg, name, {
      ...{ email: `${name}@example.org`, displayName: null, enabled: name !== 'off', bot: false, admin: false },
    })
})
afterAll(() => pg.close())

const claims = (more: Partial<OidcClaims>): OidcClaims => ({
  ...{ subject: 's', name: 'ada', displayName: null, email: null, admin: false, ...more },
})
const identify = (more: Partial<OidcClaims>, autoCreate = false, issuer = 'https://a.test') =>
  identifyPerson(testDeps(pg), { issuer, autoCreate }, claims(more))
const people = async () =>
  (await pg.sql<{ name: string }[]>`select name from person order by name`).map(({ name }) => name)

test('the subject alone counts from the first time on', async () => {
  expect(await identify({})).toBe('ada')
  expect(await identify({ name: 'renamed' })).toBe('ada')
  expect(await identify({ name: null })).toBe('ada')
  expect(await identify({}, false, 'https://b.test')).toBe('ada')
})

test('many at once with one name: one subject is that person', async () => {
  const subjects = ['a', 'b', 'c', 'd', 'a', 'b', 'c', 'd']
  const ends = await Promise.allSettled(subjects.map((subject) => identify({ subject })))
  const entered = subjects.filter((_, i) => ends[i]?.status === 'fulfilled')
  expect(new Set(entered).size).toBe(1)
  expect(entered).toHaveLength(2)
})

test.each<[string, Partial<OidcClaims>, RegExp]>([
  ['unknown', { name: 'eve', email: 'ada@example.org' }, /no user is called "eve"/],
  ['disabled', { name: 'off' }, /off is disabled/],
  ['in other capitals', { name: 'Ada' }, /no user is called "Ada"/],
  ['without a name', { name: null }, /does not say a name/],
  ['no name for a user', { name: 'a/b' }, /is none for a user/],
  ['as the bootstrap token is called', { name: 'admin' }, /is none for a user/],
])('%s: nobody', async (_, more, message) => {
  await expect(identify(more)).rejects.toMatchObject({ code: 'oidc-nobody', message: expect.stringMatching(message) })
  expect(await pg.sql`select 1 from identity`).toHaveLength(0)
})

test('who is disabled later is not let in, and not made anew', async () => {
  await identify({})
  await pg.sql`update person set enabled = false where name = 'ada'`
  await expect(identify({}, true)).rejects.toMatchObject({ code: 'oidc-nobody' })
})

test('autoCreate: a name that nobody has, with an address only as one; never in other capitals', async () => {
  expect(await identify({ name: 'eve', email: 'eve@example.org', displayName: 'Eve' }, true)).toBe('eve')
  const [eve] = await pg.sql`select email, display_name as title, admin, enabled from person where name = 'eve'`
  expect(eve).toEqual({ email: 'eve@example.org', title: 'Eve', admin: false, enabled: true })
  expect(await identify({ subject: 't', name: 'mal', email: 'x@y\nBcc: z@y', displayName: 'a\nb' }, true)).toBe('mal')
  const [mal] = await pg.sql`select email, display_name as title from person where name = 'mal'`
  expect(mal).toEqual({ email: null, title: null })
  await expect(identify({ subject: 'u', name: 'ADA' }, true)).rejects.toMatchObject({ code: 'oidc-nobody' })
  expect(await people()).toEqual(['ada', 'eve', 'mal', 'off'])
})

test('autoCreate: who left every source is refused, however long ago, and not brought back', async () => {
  await identify({})
  await removeUser(pg, 'ada')
  await pg.sql`update person set gone_at = gone_at - interval '8 days' where name = 'ada'`
  const [before] = await pg.sql`select * from person where name = 'ada'`
  for (const subject of ['s', 'another'])
    await expect(identify({ subject }, true)).rejects.toMatchObject({ code: 'oidc-nobody' })
  expect((await pg.sql`select * from person where name = 'ada'`)[0]).toEqual(before)
})
