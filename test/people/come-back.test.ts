import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import postgres from 'postgres'
import { makeToken, principalOf } from '../../src/access/api-tokens.ts'
import { bootstrap } from '../../src/access/principal.ts'
import type { Sql, Tx } from '../../src/db/postgres.ts'
import { putMember } from '../../src/people/members.ts'
import { lockPeople, mergePeople } from '../../src/people/merge-people.ts'
import { putUser, removeUser } from '../../src/people/users.ts'
import { wipe } from '../notify/flags.ts'
import { testDeps } from '../support/deps.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'

let pg: TestDatabase
beforeAll(async () => {
  pg = await testDatabase()
})
beforeEach(async () => {
  await wipe(pg.sql)
  await pg.sql`truncate audit`
})
afterAll(() => pg.close())

/** What a source does, and what follows. Answers which names began anew. */
const change = (names: readonly string[], work: (tx: Tx) => Promise<unknown>, sql: Sql = pg.sql) =>
  sql.begin(async (tx) => {
    await lockPeople(tx)
    await work(tx)
    return (await mergePeople(tx, { people: names, namespaces: [], members: [] })).anew
  })
const says = (source: string, ...names: string[]) =>
  change(
    names,
    (tx) => tx`
      insert into person_said (source, name, email) select ${source}, name, name || '@example.org' from unnest(${names}::text[]) as name
      on conflict (source, name) do update set email = 'other@example.org'`,
  )
const drops = (source: string, ...names: string[]) =>
  change(names, (tx) => tx`delete from person_said where source = ${source} and name = any(${names})`)
const token = async (user: string) =>
  (await makeToken(testDeps(pg), bootstrap, { user, name: 't', scopes: [], expiresAt: null })).token
const opens = async (one: string) => (await principalOf(testDeps(pg), one)) !== null
const goneOf = async (name: string) =>
  (
    await pg.sql<{ gone: boolean; long: boolean }[]>`
    select gone_at is not null as gone, gone_long as long from person where name = ${name}`
  )[0]
/** As if the clock had been otherwise by so much when the name left. */
const left = (name: string, at: string) =>
  pg.sql`update person set gone_at = statement_timestamp() + ${at}::interval where name = ${name}`

describe('when a name was let go', () => {
  test.each<[string, string, boolean]>([
    ['just now', '0', false],
    ['nearly a week ago', '-167 hours', false],
    ['over a week ago', '-169 hours', true],
    ['years ago', '-3 years', true],
    ['in a moment, as the clock of another database server has it', '10 minutes', false],
    ['in a while: a clock was wrong, and nobody can tell how long it has been', '2 hours', true],
    ['in years', '3 years', true],
  ])('%s', async (_what, at, anew) => {
    await says('file', 'ada', 'bob')
    const [ada, bob] = [await token('ada'), await token('bob')]
    await drops('file', 'ada')
    await left('ada', at)
    expect(await says('other', 'ada', 'bob')).toEqual(anew ? ['ada'] : [])
    expect([await opens(ada), await opens(bob), await goneOf('ada')]).toEqual([
      !anew,
      true,
      { gone: false, long: false },
    ])
  })

  test('long ago stays so, whatever a clock that is set back says then', async () => {
    await says('file', 'ada', 'bob')
    const ada = await token('ada')
    await drops('file', 'ada')
    await left('ada', '-8 days')
    await says('file', 'bob') // whatever changes: it is seen how long it has been
    expect(await goneOf('ada')).toEqual({ gone: true, long: true })
    await left('ada', '-1 day')
    expect([await says('file', 'ada'), await opens(ada)]).toEqual([['ada'], false])
    // and is over with that
    await drops('file', 'ada')
    expect([await goneOf('ada'), await says('file', 'ada')]).toEqual([{ gone: true, long: false }, []])
  })

  test('is when the last source did; another one that says it changes nothing', async () => {
    await says('file', 'ada')
    await says('portus', 'ada')
    await drops('file', 'ada')
    expect(await goneOf('ada')).toEqual({ gone: false, long: false })
    await drops('portus', 'ada')
    const [first] = await pg.sql`select gone_at from person where name = 'ada'`
    expect(first!.goneAt).toBeInstanceOf(Date)
    await drops('portus', 'ada')
    expect((await pg.sql`select gone_at from person where name = 'ada'`)[0]).toEqual(first)
  })

  test('nothing of who was never gone is taken, also where an older process left odd instants', async () => {
    await says('file', 'ada')
    const ada = await token('ada')
    await pg.sql`update person set gone_at = now() - interval '1 year', gone_long = true`
    await says('file', 'bob')
    expect([await says('portus', 'ada'), await opens(ada)]).toEqual([[], true])
    expect(await goneOf('ada')).toEqual({ gone: false, long: false })
  })

  test('said again as disabled is said again', async () => {
    await says('file', 'ada')
    const ada = await token('ada')
    await drops('file', 'ada')
    await left('ada', '-8 days')
    const disabled = (tx: Tx) => tx`insert into person_said (source, name, enabled) values ('file', 'ada', false)`
    expect([await change(['ada'], disabled), await goneOf('ada')]).toEqual([['ada'], { gone: false, long: false }])
    await change(['ada'], (tx) => tx`update person_said set enabled = true`)
    expect(await opens(ada)).toBe(false)
  })
})

test('the API’s PUT and DELETE begin anew at once and by themselves: no source is named for it', async () => {
  const user = { email: null }
  await putUser(pg, 'ada', user)
  await putMember(pg, 'app', 'ada', { role: 'owner' })
  const ada = await token('ada')
  await removeUser(pg, 'ada')
  expect(await goneOf('ada')).toEqual({ gone: true, long: false })
  await left('ada', '-8 days')
  await putUser(pg, 'ada', user)
  expect([await goneOf('ada'), await opens(ada)]).toEqual([{ gone: false, long: false }, false])
  expect(await pg.sql`select 1 from audit`).toHaveLength(0)
  expect(await pg.sql`select 1 from member`).toHaveLength(0)
})

test('however many return at once, the statements are as many, and each name has its row in the audit log', async () => {
  const sent: string[] = []
  const counting = postgres(pg.url, {
    ...{ max: 1, transform: postgres.camel, types: { bigint: postgres.BigInt } },
    debug: (_connection, statement) => void sent.push(statement),
  })
  const back = async (names: string[]) => {
    await says('file', ...names)
    await pg.sql`
      insert into token (user_name, name, hash, scopes, created_at) select name, 't', 'of ' || name, '{}', now() from unnest(${names}::text[]) as name`
    await drops('file', ...names)
    await pg.sql`update person set gone_at = gone_at - interval '8 days' where gone_at is not null`
    sent.length = 0
    const insert = (tx: Tx) =>
      tx`insert into person_said (source, name) select 'file', name from unnest(${names}::text[]) as name`
    expect((await change(names, insert, counting)).length).toBe(names.length)
    return sent.length
  }
  await counting`select 1` // which types there are is asked once a connection
  const crowd = (prefix: string, count: number) => Array.from({ length: count }, (_, i) => `${prefix}${i}`)
  const few = await back(crowd('a', 2))
  expect(await back(crowd('b', 5_000))).toBe(few)
  await counting.end()
  expect(await pg.sql`select 1 from token where revoked_at is null`).toHaveLength(0)
  expect(await pg.sql`select 1 from audit where via = 'source' and details ->> 'goneSince' is not null`).toHaveLength(
    5_002,
  )
})

test('who was gone before it was noted: for no longer than since they were last let in', async () => {
  const folder = '20261122042225_names_said_again'
  const sql = readFileSync(new URL(`../../prisma/migrations/${folder}/migration.sql`, import.meta.url), 'utf8')
  const names = ['token', 'call', 'old', 'link', 'none', 'ahead']
  await says('file', 'here', ...names)
  await drops('file', ...names)
  await pg.sql`update person set gone_at = null`
  const used = (name: string, at: string) => pg.sql`
    insert into token (user_name, name, hash, scopes, created_at, last_used_at)
    values (${name}, 't', ${name}, '{}', now(), now() + ${at}::interval)`
  await used('token', '-2 days')
  await used('old', '-8 days')
  await used('ahead', '2 days')
  for (const [name, via] of [
    ['call', 'session'],
    ['link', 'mail'],
  ] as const)
    await pg.sql`
      insert into audit (at, actor, via, action, subject, request_id) values (now() - interval '3 days', ${name}, ${via}, 'a', '', '')`
  await pg.sql.unsafe(sql.slice(sql.indexOf('UPDATE "person"')))
  expect(
    await pg.sql`select name, gone_at is not null as gone, gone_long as long from person order by name collate "C"`,
  ).toEqual([
    { name: 'ahead', gone: true, long: true },
    { name: 'call', gone: true, long: false },
    { name: 'here', gone: false, long: false },
    { name: 'link', gone: true, long: true },
    { name: 'none', gone: true, long: true },
    { name: 'old', gone: true, long: true },
    { name: 'token', gone: true, long: false },
  ])
  expect(await says('file', ...names)).toEqual(['ahead', 'link', 'none', 'old'])
})
