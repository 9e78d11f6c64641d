import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { identifyPerson } from '../../src/access/identify-person.ts'
import { untieIdentities } from '../../src/access/identities.ts'
import type { OidcClaims } from '../../src/access/oidc.ts'
import { type NewSession, sessionPrincipal, startSession } from '../../src/access/sessions.ts'
import { beginAnew } from '../../src/people/begin-anew.ts'
import { lockPeople } from '../../src/people/merge-people.ts'
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

describe('a session that begins with it', () => {
  const begin = (more: Partial<NewSession> = {}) =>
    startSession(testDeps(pg), { user: 'ada', via: 'https://a.test', subject: 's', admin: false, phc: null, ...more })
  const refused = { code: 'unauthorized' }
  const sessions = async () => (await pg.sql`select via from session`).map(({ via }) => via)

  test('does not, where they were untied in between, whoever was tied since', async () => {
    await identify({})
    expect(await sessionPrincipal(testDeps(pg), await begin())).toMatchObject({ name: 'ada' })
    expect(await untieIdentities(testDeps(pg), 'ada')).toBe(true)
    await expect(begin()).rejects.toMatchObject(refused)
    expect(await identify({ subject: 'another' })).toBe('ada')
    await expect(begin()).rejects.toMatchObject(refused)
    await expect(begin({ user: 'off', subject: 'another' })).rejects.toMatchObject(refused)
    await expect(begin({ via: 'https://b.test', subject: 'another' })).rejects.toMatchObject(refused)
    expect(await sessions()).toEqual([])
    await begin({ subject: 'another' })
    expect(await sessions()).toEqual(['https://a.test'])
  })

  test('goes on in a new one, as after a change of the password, while they are tied', async () => {
    await identify({})
    await begin({ subject: null })
    await untieIdentities(testDeps(pg), 'ada')
    await expect(begin({ subject: null })).rejects.toMatchObject(refused)
    expect(await sessions()).toEqual([])
  })

  test('at the same time as they are untied, or their name begins anew: none is left', async () => {
    const anew = () =>
      pg.sql.begin(async (tx) => {
        await lockPeople(tx)
        await beginAnew(tx, ['ada'])
      })
    for (const end of [() => untieIdentities(testDeps(pg), 'ada'), anew])
      for (let times = 0; times < 10; times++) {
        await identify({})
        const begun = await Promise.allSettled([begin(), begin(), end(), begin(), begin()])
        const faults = begun.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []))
        for (const fault of faults) expect(fault).toMatchObject(refused)
        expect([await sessions(), await pg.sql`select from identity`]).toEqual([[], []])
      }
  })
})
