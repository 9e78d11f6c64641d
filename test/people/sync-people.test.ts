import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { stringify } from 'yaml'
import type { Config } from '../../src/config.ts'
import { listMembers, putMember } from '../../src/people/members.ts'
import { introduceSources, listSources } from '../../src/people/people-sources.ts'
import { PutUser } from '../../src/people/person.ts'
import { syncPeople } from '../../src/people/sync-people.ts'
import { getUser, putUser } from '../../src/people/users.ts'
import { configFor } from '../notify/config.ts'
import { wipe } from '../notify/flags.ts'
import { testDeps } from '../support/deps.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'

let pg: TestDatabase
const dir = mkdtempSync(join(tmpdir(), 'sync-people-'))
beforeAll(async () => {
  pg = await testDatabase()
})
beforeEach(() => wipe(pg.sql))
afterAll(async () => {
  await pg.close()
  rmSync(dir, { recursive: true, force: true })
})

let now = new Date('2026-11-21T08:00:00Z')
const never = new AbortController().signal
const file = (name: string) => ({ kind: 'file' as const, name, registry: 'r.test', path: join(dir, `${name}.yaml`) })
const deps = (sources: Config['peopleSources']) => ({
  ...testDeps(pg),
  clock: () => now,
  config: configFor(['r.test'], { peopleSources: sources, peopleInterval: 300 }),
})
type Said = { users?: object; namespaces?: object; owners?: string }
const write = (name: string, said: Said | string) =>
  writeFileSync(join(dir, `${name}.yaml`), typeof said === 'string' ? said : stringify(said))
const crowd = (count: number, role = 'owner'): Said => {
  const names = Array.from({ length: count }, (_, i) => `u${i}`)
  return {
    users: Object.fromEntries(names.map((name) => [name, `${name}@example.org`])),
    namespaces: { app: { members: Object.fromEntries(names.map((name) => [name, role])) } },
  }
}
const minutes = (count: number) => {
  now = new Date(now.getTime() + count * 60_000)
}
const roles = async (key = 'app') => (await listMembers(pg, key)).map(({ user, role }) => `${user} ${role}`)
const jobs = async () =>
  (await pg.sql<{ key: string }[]>`select key from graphile_worker._private_jobs`).map(({ key }) => key)
const sourceOf = async (name: string) => (await listSources(deps([file(name)])))[0]

describe('reading a source', () => {
  const d = () => deps([file('team')])
  beforeEach(() => introduceSources(d()))
  const sync = (believe = false) => syncPeople(d(), { source: 'team', believe }, never)

  test('takes over what it says, its age and its counts; whoever has come is to hear', async () => {
    write('team', { ...crowd(3), owners: '* @u1' })
    expect(await sync()).toBe('synchronised')
    expect(await roles()).toEqual(['u0 owner', 'u1 owner', 'u2 owner'])
    minutes(2)
    expect(await sourceOf('team')).toMatchObject({
      ...{ kind: 'file', registry: 'r.test', age: 120, error: null, notes: [] },
      counts: { people: 3, namespaces: 1, members: 3, rules: 1 },
    })
    expect(await jobs()).toEqual(['notify'])
  })

  test('a second time changes nothing, and wakes nobody', async () => {
    write('team', { ...crowd(3), owners: '* @u1' })
    await sync()
    const before =
      await pg.sql`select xmin::text, name from person union all select xmin::text, user_name from member_said`.simple()
    await pg.sql`delete from graphile_worker._private_jobs`
    expect(await sync()).toBe('synchronised')
    expect(
      await pg.sql`select xmin::text, name from person union all select xmin::text, user_name from member_said`.simple(),
    ).toEqual(before)
    expect(await jobs()).toEqual([])
  })

  test('follows who comes, goes and changes', async () => {
    write('team', crowd(4))
    await sync()
    write('team', {
      users: { u0: 'new@example.org', u9: 'u9@example.org' },
      namespaces: { app: { members: { u0: 'viewer', u9: 'owner' } } },
    })
    await sync()
    expect(await roles()).toEqual(['u0 viewer', 'u9 owner'])
    expect(await getUser(pg, 'u0')).toMatchObject({ email: 'new@example.org', enabled: true })
    expect(await getUser(pg, 'u1')).toMatchObject({ enabled: false, email: null })
  })

  test.each<[string, string | null, string]>([
    ['is not there', null, 'unreadable'],
    ['is half written', 'users:\n  u0: {email: u0@exa', 'nonsense'],
    ['is empty', '', 'nonsense'],
  ])('that %s keeps what it said last, and says why', async (_what, text, code) => {
    write('team', crowd(3))
    await sync()
    const read = (await sourceOf('team'))?.syncedAt
    minutes(1)
    if (text === null) rmSync(join(dir, 'team.yaml'))
    else write('team', text)
    expect(await sync()).toBe('failed')
    expect(await roles()).toHaveLength(3)
    expect(await sourceOf('team')).toMatchObject({
      syncedAt: read,
      triedAt: now,
      error: { code },
      counts: { people: 3 },
    })
    write('team', crowd(3))
    expect(await sync()).toBe('synchronised')
    expect(await sourceOf('team')).toMatchObject({ syncedAt: now, error: null })
  })

  test('that was never read well has no age', async () => {
    rmSync(join(dir, 'team.yaml'), { force: true })
    expect(await sync()).toBe('failed')
    expect(await sourceOf('team')).toMatchObject({
      age: null,
      syncedAt: null,
      counts: null,
      error: { code: 'unreadable' },
    })
  })

  test('whom nobody knows is named: a role and a rule of theirs wait for them', async () => {
    write('team', { users: {}, namespaces: { app: { members: { ada: 'owner' } } }, owners: '* @adda' })
    await sync()
    expect((await sourceOf('team'))?.notes).toEqual(['nobody is called so, in any source: "ada", "adda"'])
    await putUser(pg, 'ada', PutUser.parse({ email: 'ada@example.org' }))
    expect(await roles()).toEqual(['ada owner'])
  })

  test('what the API said holds on besides', async () => {
    await putMember(pg, 'app', 'u0', { role: 'owner', email: 'mine@example.org' })
    write('team', crowd(2, 'viewer'))
    await sync()
    expect(await roles()).toEqual(['u0 owner', 'u1 viewer'])
    expect(await getUser(pg, 'u0')).toMatchObject({ email: 'mine@example.org' })
  })
})

describe('a source that has lost most of its people', () => {
  const d = () => deps([file('team')])
  const sync = (believe = false) => syncPeople(d(), { source: 'team', believe }, never)
  beforeEach(async () => {
    await introduceSources(d())
    write('team', crowd(10))
    await sync()
  })

  test('is held, and believed when it says so again an interval later', async () => {
    write('team', crowd(4))
    expect(await sync()).toBe('held')
    expect(await roles()).toHaveLength(10)
    expect(await sourceOf('team')).toMatchObject({ error: { code: 'shrunk' } })
    minutes(1)
    expect(await sync()).toBe('held')
    minutes(4)
    expect(await sync()).toBe('synchronised')
    expect(await roles()).toHaveLength(4)
    expect(await sourceOf('team')).toMatchObject({ error: null })
  })

  test('and forgets that it was held where the next reading is as before', async () => {
    write('team', crowd(2))
    expect(await sync()).toBe('held')
    write('team', crowd(10))
    expect(await sync()).toBe('synchronised')
    minutes(5)
    write('team', crowd(2))
    expect(await sync()).toBe('held')
  })

  test('roles alone count too', async () => {
    write('team', { ...crowd(10), namespaces: {} })
    expect(await sync()).toBe('held')
  })

  test('is believed at once where somebody says so, or half or fewer are gone', async () => {
    write('team', crowd(5))
    expect(await sync()).toBe('synchronised')
    write('team', crowd(10))
    await sync()
    write('team', { users: {} })
    expect(await sync(true)).toBe('synchronised')
    expect(await roles()).toEqual([])
  })

  test('a clock that was set back believes nothing sooner', async () => {
    write('team', crowd(1))
    expect(await sync()).toBe('held')
    minutes(-600)
    expect(await sync()).toBe('held')
    expect(await roles()).toHaveLength(10)
  })
})

describe('several sources', () => {
  test('one that is configured no more is forgotten, its people with it; what others and the API say stays', async () => {
    const both = deps([file('a'), file('b')])
    await introduceSources(both)
    write('a', {
      users: { ada: 'ada@example.org', bob: 'bob@example.org' },
      namespaces: { app: { members: { ada: 'owner', bob: 'owner' } } },
      owners: '* @ada',
    })
    write('b', { users: { bob: 'b@example.org' }, namespaces: { app: { members: { bob: 'viewer' } } } })
    for (const source of ['a', 'b']) await syncPeople(both, { source }, never)
    expect(await roles()).toEqual(['ada owner', 'bob owner'])
    await introduceSources(deps([file('b')]))
    expect(await roles()).toEqual(['bob viewer'])
    expect(await getUser(pg, 'ada')).toMatchObject({ enabled: false })
    expect(await getUser(pg, 'bob')).toMatchObject({ enabled: true, email: 'b@example.org' })
    expect(await pg.sql`select from owner_rule`).toHaveLength(0)
    expect((await listSources(both)).map(({ name }) => name)).toEqual(['b'])
    expect(await syncPeople(deps([file('b')]), { source: 'a' }, never)).toBe('no-such-source')
  })

  test('read at once, again and again, leave what each of them says', async () => {
    const d = deps(['a', 'b', 'c'].map(file))
    await introduceSources(d)
    for (const [i, name] of ['a', 'b', 'c'].entries())
      write(name, { ...crowd(20, ['viewer', 'contributor', 'owner'][i]) })
    await Promise.all([1, 2, 3].flatMap(() => ['a', 'b', 'c'].map((source) => syncPeople(d, { source }, never))))
    expect(new Set(await roles())).toEqual(new Set(Array.from({ length: 20 }, (_, i) => `u${i} owner`)))
    expect(await pg.sql`select from member_said`).toHaveLength(60)
  })
})

test('ten thousand people are taken over, and then one change among them by few rows', async () => {
  const d = deps([file('team')])
  await introduceSources(d)
  const many = crowd(10_000) as Required<Said>
  write('team', many)
  expect(await syncPeople(d, { source: 'team' }, never)).toBe('synchronised')
  expect(await pg.db.member.count()).toBe(10_000)
  const [before] = await pg.sql`select pg_current_xact_id()::text as id`
  write('team', { ...many, users: { ...many.users, u17: 'moved@example.org' } })
  expect(await syncPeople(d, { source: 'team' }, never)).toBe('synchronised')
  const written = await pg.sql`select name from person where xmin::text::bigint > ${before!.id}::bigint`
  expect(written.map(({ name }) => name)).toEqual(['u17'])
  expect(await pg.sql`select from member where xmin::text::bigint > ${before!.id}::bigint`).toHaveLength(0)
})
