import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { Tx } from '../../src/db/postgres.ts'
import { listMembers, putMember, removeMember } from '../../src/people/members.ts'
import { lockPeople, mergePeople, type Touched } from '../../src/people/merge-people.ts'
import { getNamespace, setVisibility } from '../../src/people/namespaces.ts'
import { PutUser } from '../../src/people/person.ts'
import { getUser, putUser, removeUser } from '../../src/people/users.ts'
import { configFor } from '../notify/config.ts'
import { wipe } from '../notify/flags.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'

let pg: TestDatabase
beforeAll(async () => {
  pg = await testDatabase()
})
beforeEach(() => wipe(pg.sql))
afterAll(() => pg.close())

type Said = { email?: string | null; displayName?: string; enabled?: boolean; bot?: boolean; admin?: boolean }
const none: Touched = { people: [], namespaces: [], members: [] }

/** As a source says it, with what follows. */
const change = (touched: Partial<Touched>, work: (tx: Tx) => Promise<unknown>) =>
  pg.sql.begin(async (tx) => {
    await lockPeople(tx)
    await work(tx)
    return (await mergePeople(tx, { ...none, ...touched })).changed
  })
const person = (source: string, name: string, said: Said = {}) =>
  change(
    { people: [name] },
    (tx) => tx`
      insert into person_said (source, name, email, display_name, enabled, bot, admin) values (${source}, ${name},
        ${said.email ?? null}, ${said.displayName ?? null}, ${said.enabled ?? true}, ${said.bot ?? false}, ${said.admin ?? false})`,
  )
const member = (source: string, namespace: string, user: string, role: string, told = false) =>
  change(
    { members: [{ namespace, user }] },
    (tx) => tx`insert into member_said values (${source}, ${namespace}, ${user}, ${role}::member_role, ${told})`,
  )
const roles = async (key: string) => (await listMembers(pg, key)).map(({ user, role }) => `${user} ${role}`)

describe('a person', () => {
  test.each<[string, Record<string, Said>, object]>([
    ['of one source', { portus: { email: 'a@x', admin: true } }, { email: 'a@x', enabled: true, admin: true }],
    ['whom one source disabled is out', { file: {}, portus: { enabled: false } }, { enabled: false }],
    ['is a bot where one says so', { file: {}, portus: { bot: true } }, { bot: true, enabled: true }],
    ['has the address of the local source', { a: { email: 'a@x' }, local: { email: 'l@x' } }, { email: 'l@x' }],
    ['else of the first that has one', { b: { email: 'b@x' }, c: { email: 'c@x' }, a: {} }, { email: 'b@x' }],
    ['by name, byte by byte', { a: { email: 'a@x' }, B: { email: 'B@x' } }, { email: 'B@x' }],
    ['and the name likewise', { local: { email: 'l@x' }, z: { displayName: 'Z' } }, { email: 'l@x', displayName: 'Z' }],
  ])('%s', async (_what, sources, expected) => {
    for (const [source, said] of Object.entries(sources)) await person(source, 'ada', said)
    expect(await getUser(pg, 'ada')).toMatchObject(expected)
  })

  test('in no source any more is disabled and no admin, and stays', async () => {
    await person('portus', 'ada', { email: 'a@x', admin: true })
    await change({ people: ['ada'] }, (tx) => tx`delete from person_said`)
    expect(await getUser(pg, 'ada')).toMatchObject({ name: 'ada', enabled: false, admin: false })
  })

  test('nobody ever knew is not made', async () => {
    expect(await change({ people: ['nobody'] }, async () => {})).toBe(0)
    expect(await getUser(pg, 'nobody')).toBeNull()
  })

  test('names that differ in case or in their composition are other people', async () => {
    for (const name of ['ada', 'Ada', '\u00e5da', 'a\u030ada'])
      await person('portus', name, { email: `${name.length}@x` })
    expect(await pg.db.user.count()).toBe(4)
  })

  test('the API takes back only what it said itself', async () => {
    await person('portus', 'ada', { email: 'a@x' })
    expect(await removeUser(pg, 'ada')).toBe(false)
    await putUser(pg, 'ada', PutUser.parse({ email: 'other@x', enabled: false }))
    expect(await getUser(pg, 'ada')).toMatchObject({ email: 'other@x', enabled: false })
    expect(await removeUser(pg, 'ada')).toBe(true)
    expect(await getUser(pg, 'ada')).toMatchObject({ email: 'a@x', enabled: true })
  })

  test('the API does not enable whom a source disabled', async () => {
    await person('portus', 'ada', { enabled: false })
    expect(await putUser(pg, 'ada', PutUser.parse({ email: 'a@x' }))).toMatchObject({ email: 'a@x', enabled: false })
  })
})

describe('a member', () => {
  beforeEach(() => person('portus', 'ada'))

  test('has the highest role, and is told where one says so', async () => {
    await member('a', 'app', 'ada', 'viewer', true)
    await member('b', 'app', 'ada', 'owner')
    await member('c', 'app', 'ada', 'contributor')
    expect(await pg.sql`select role, told from member`).toMatchObject([{ role: 'owner', told: true }])
  })

  test('whom a source says stays when the API takes its role back', async () => {
    await member('portus', 'app', 'ada', 'viewer')
    expect(await putMember(pg, 'app', 'ada', { role: 'owner' })).toMatchObject({ role: 'owner' })
    expect(await removeMember(pg, 'app', 'ada')).toEqual({ user: 'ada', role: 'viewer', sources: ['portus'] })
    expect(await roles('app')).toEqual(['ada viewer'])
    await expect(removeMember(pg, 'app', 'ada')).rejects.toMatchObject({ code: 'managed-elsewhere' })
    expect(await roles('app')).toEqual(['ada viewer'])
  })

  test('keeps the higher role of a source where the API says a lower one', async () => {
    await member('portus', 'app', 'ada', 'owner')
    expect(await putMember(pg, 'app', 'ada', { role: 'viewer' })).toMatchObject({ role: 'owner' })
  })

  test('of whom nobody knows is one as soon as somebody does', async () => {
    expect(await member('file', 'app', 'bob', 'owner')).toBe(1) // the namespace
    expect(await roles('app')).toEqual([])
    await person('portus', 'bob')
    expect(await roles('app')).toEqual(['bob owner'])
  })

  test('who was forgotten and is put again with an address is known again', async () => {
    await change({ people: ['ada'] }, (tx) => tx`delete from person_said`)
    await expect(putMember(pg, 'app', 'ada', { role: 'owner', email: 'a@x' })).resolves.toMatchObject({ email: 'a@x' })
    expect(await getUser(pg, 'ada')).toMatchObject({ enabled: true })
  })
})

test('the visibility is what the API says, else the first source that says one, else private', async () => {
  const said = (source: string, visibility: string | null) =>
    change(
      { namespaces: ['app'] },
      (tx) => tx`insert into namespace_said values (${source}, 'app', ${visibility}::visibility)`,
    )
  const shown = async () => (await getNamespace({ sql: pg.sql, config: configFor() }, 'app'))?.visibility
  await said('a', null)
  expect(await shown()).toBe('private')
  await said('c', 'public')
  await said('b', 'protected')
  expect(await shown()).toBe('protected')
  await setVisibility(pg, 'app')
  expect(await shown()).toBe('protected')
  await setVisibility(pg, 'app', 'private')
  expect(await shown()).toBe('private')
  await change({ namespaces: ['app'] }, (tx) => tx`delete from namespace_said`)
  expect(await shown()).toBe('private')
})

test('two changes of one person at once are both counted', async () => {
  const names = Array.from({ length: 20 }, (_, i) => `n${i}`)
  await Promise.all(
    ['a', 'b'].flatMap((source) =>
      names.map((name) => person(source, name, source === 'a' ? { bot: true } : { admin: true })),
    ),
  )
  expect(await pg.db.user.count({ where: { bot: true, admin: true } })).toBe(20)
})

test('a change derives what deriving everything anew gives, whatever is changed in which order', async () => {
  const name = fc.constantFrom('ada', 'bob', 'cyd')
  const source = fc.constantFrom('local', 'file', 'portus')
  const key = fc.constantFrom('app', 'web')
  const step = fc.oneof(
    fc.record({ kind: fc.constant('person' as const), source, name, gone: fc.boolean(), enabled: fc.boolean() }),
    fc.record({
      kind: fc.constant('member' as const),
      source,
      name,
      key,
      gone: fc.boolean(),
      role: fc.constantFrom('viewer', 'owner'),
    }),
  )
  const derived = () => pg.sql`
    select (select jsonb_agg(to_jsonb(p) order by name) from person p)::text as people,
      (select jsonb_agg(to_jsonb(m) order by namespace_key, user_name) from member m)::text as members`
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
      await pg.sql`with p as (delete from person_said), n as (delete from namespace_said), s as (delete from member_said) delete from member`
      await pg.sql`delete from person`
      for (const s of steps)
        if (s.kind === 'person')
          await change({ people: [s.name] }, async (tx) => {
            await tx`delete from person_said where source = ${s.source} and name = ${s.name}`
            if (!s.gone)
              await tx`insert into person_said (source, name, enabled) values (${s.source}, ${s.name}, ${s.enabled})`
          })
        else
          await change({ members: [{ namespace: s.key, user: s.name }] }, async (tx) => {
            await tx`delete from member_said where source = ${s.source} and namespace_key = ${s.key} and user_name = ${s.name}`
            if (!s.gone)
              await tx`insert into member_said values (${s.source}, ${s.key}, ${s.name}, ${s.role}::member_role)`
          })
      const before = await derived()
      const all = {
        people: ['ada', 'bob', 'cyd'],
        members: ['app', 'web'].flatMap((namespace) => ['ada', 'bob', 'cyd'].map((user) => ({ namespace, user }))),
      }
      await change(all, async () => {})
      expect(await derived()).toEqual(before)
    }),
    { numRuns: 30 },
  )
})
