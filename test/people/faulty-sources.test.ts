import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { stringify } from 'yaml'
import type { Config } from '../../src/config.ts'
import { listMembers } from '../../src/people/members.ts'
import { enqueueSync, introduceSources, listSources } from '../../src/people/people-sources.ts'
import { recipientsByNamespace } from '../../src/people/recipients.ts'
import { syncPeople } from '../../src/people/sync-people.ts'
import { getUser } from '../../src/people/users.ts'
import { many } from '../contract/people-world.ts'
import { configFor } from '../notify/config.ts'
import { wipe } from '../notify/flags.ts'
import { testDeps } from '../support/deps.ts'
import { harborAccount, serveHarbor } from '../support/harbor-server.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'

/** Sources that say something wrong, less than they said, or cannot be kept: nobody loses what they had for it. */
let pg: TestDatabase
const dir = mkdtempSync(join(tmpdir(), 'faulty-sources-'))
beforeAll(async () => {
  pg = await testDatabase()
})
beforeEach(() => wipe(pg.sql))
afterAll(async () => {
  await pg.close()
  rmSync(dir, { recursive: true, force: true })
})

/** so late that every file has settled */
let now = new Date(Date.now() + 3_600_000)
const never = new AbortController().signal
const file = (name: string) => ({ kind: 'file' as const, name, registry: 'r.test', path: join(dir, `${name}.yaml`) })
const deps = (...sources: Config['peopleSources']) => ({
  ...testDeps(pg),
  clock: () => now,
  config: configFor(['r.test'], { peopleSources: sources, peopleInterval: 300 }),
})
const write = (name: string, said: object) => writeFileSync(join(dir, `${name}.yaml`), stringify(said))
let team: ReturnType<typeof deps>
beforeEach(() => {
  team = deps(file('team'))
})
const sync = (believe = false) => syncPeople(team, { source: 'team', believe }, never)
const state = async (d?: typeof team) => (await listSources(d ?? team))[0]
const roles = async (key: string) => (await listMembers(pg, key)).map(({ user, role }) => `${user} ${role}`)
const hearing = async (repository: string) =>
  ((await recipientsByNamespace(pg, [{ namespace: 'x', repository: `r.test/${repository}` }])).get('x') ?? []).map(
    ({ userName }) => userName,
  )

describe('of an entry that is wrong now', () => {
  const good = {
    users: { ada: 'ada@example.org', bob: { email: 'bob@example.org', admin: true }, eve: 'eve@example.org' },
    namespaces: {
      app: { visibility: 'protected', members: { ada: 'owner', bob: 'contributor', 'new@example.org': 'viewer' } },
      lib: { members: { eve: 'owner' } },
    },
    owners: '* @ada\nsecret/ @bob\n',
  }
  beforeEach(async () => {
    await introduceSources(team)
    write('team', good)
    expect(await sync()).toBe('synchronised')
  })

  test('holds on what was last said: a person, a role, a namespace, a visibility', async () => {
    write('team', {
      ...good,
      users: { ...good.users, bob: { email: 'bob@example.org', admin: 'yes' } },
      namespaces: { app: { visibility: 'secret', members: { ada: 'king', bob: 'viewer' } }, lib: good.namespaces.lib },
    })
    expect(await sync()).toBe('synchronised')
    expect(await getUser(pg, 'bob')).toMatchObject({ admin: true, enabled: true })
    // what is right counts besides: bob's other role, and that one is not named any more
    expect(await roles('app')).toEqual(['ada owner', 'bob viewer'])
    expect(await pg.sql`select visibility::text from namespace where key = 'app'`).toEqual([
      { visibility: 'protected' },
    ])
    expect((await state())?.notes).toHaveLength(3)

    write('team', {
      ...good,
      namespaces: { app: good.namespaces.app, lib: { member: { eve: 'owner' } } },
    })
    expect(await sync()).toBe('synchronised')
    expect(await roles('lib')).toEqual(['eve owner'])
  })

  test('and of a namespace that is wrong as a whole, whom the file made of an address in it', async () => {
    write('team', { ...good, namespaces: { app: { members: ['ada'] }, lib: good.namespaces.lib } })
    expect(await sync()).toBe('synchronised')
    expect(await roles('app')).toEqual(['ada owner', 'bob contributor', 'new@example.org viewer'])
    expect(await getUser(pg, 'new@example.org')).toMatchObject({ enabled: true })
  })

  test('and all owner rules, as their order decides: nobody else hears for a slip of the pen', async () => {
    write('team', { ...good, owners: '* @ada\nsecret/ bob\n' })
    expect(await sync()).toBe('synchronised')
    expect(await hearing('secret/x')).toEqual(['bob'])
    expect(await hearing('x')).toEqual(['ada'])
    expect((await state())?.notes.join()).toContain('line 2')
    write('team', { ...good, owners: '* @ada\nsecret/ @eve\n' })
    await sync()
    expect(await hearing('secret/x')).toEqual(['eve'])
  })

  test('where that is the first that is read of it, nobody hears by such a line, whom another names least of all', async () => {
    await pg.sql`delete from owner_rule`
    write('team', { ...good, owners: '* @ada\nsecret/ bob\n' })
    await sync()
    expect([await hearing('secret/x'), await hearing('x')]).toEqual([[], ['ada']])
  })

  test('a file in which every entry is wrong changes nothing', async () => {
    write('team', { users: { ada: { mail: 'a' }, bob: { mail: 'b' }, eve: 1 } })
    expect(await sync()).toBe('failed')
    expect(await state()).toMatchObject({ error: { code: 'nonsense' }, counts: { people: 4 } })
    expect(await getUser(pg, 'eve')).toMatchObject({ enabled: true })
  })
})

describe('what most of has gone is held', () => {
  const names = Array.from({ length: 12 }, (_, i) => `u${i}`)
  const users = (more: object, address = true) =>
    Object.fromEntries(names.map((name) => [name, { email: address ? `${name}@example.org` : null, ...more }]))
  const owners = names.map((name) => `app/${name} @${name}`)
  beforeEach(async () => {
    await introduceSources(team)
    write('team', { users: users({ admin: true }), owners: owners.join('\n') })
    await sync()
  })
  test.each<[string, object]>([
    ['addresses', { users: users({ admin: true }, false), owners: owners.join('\n') }],
    ['admins', { users: users({}), owners: owners.join('\n') }],
    ['rules', { users: users({ admin: true }), owners: owners.slice(0, 4).join('\n') }],
    ['owners', { users: users({ admin: true }), owners: owners.map((line) => line.split(' ')[0]).join('\n') }],
  ])('%s', async (kind, said) => {
    write('team', said)
    expect(await sync()).toBe('held')
    expect(await state()).toMatchObject({
      error: { code: 'shrunk', message: expect.stringContaining(`of 12 ${kind}`) },
    })
    expect(await hearing('app/u9')).toEqual(['u9'])
    expect(await sync(true)).toBe('synchronised')
  })
})

describe('a Harbor that let its users be listed', () => {
  test.each<[number | null, string]>([
    [401, 'forbidden'],
    [403, 'forbidden'],
    [null, 'nonsense'],
  ])(
    'and does not any more (%p) empties no address; only where somebody says that it is right',
    async (status, code) => {
      const server = await serveHarbor()
      const harbor = { kind: 'harbor' as const, name: 'harbor', registry: 'r.test', projects: null, ...harborAccount }
      const d = deps({ ...harbor, place: { url: server.url, caFile: null, insecure: false } })
      const read = (believe = false) => syncPeople(d, { source: 'harbor', believe }, never)
      await introduceSources(d)
      const said = many(6)
      said.users[0]!.admin = true
      server.set(said)
      expect(await read()).toBe('synchronised')
      if (status === null) server.set({ ...said, users: [] })
      else server.refuse(/\/users$/, status)
      expect(await read()).toBe('failed')
      expect(await state(d)).toMatchObject({ error: { code } })
      expect(await getUser(pg, 'u0')).toMatchObject({ email: 'u0@example.org', admin: true })
      expect(await read(true)).toBe('synchronised')
      expect(await getUser(pg, 'u0')).toMatchObject({ email: null, admin: false, enabled: true })
      // and holds from then on
      expect(await read()).toBe('synchronised')
      await server.close()
    },
  )
})

test('what our own database refuses is told with the source, and thrown', async () => {
  await introduceSources(team)
  write('team', { users: { ada: 'ada@example.org' } })
  await pg.sql`alter table person_said add constraint nobody check (name <> 'ada')`
  await expect(sync()).rejects.toThrow('nobody')
  await pg.sql`alter table person_said drop constraint nobody`
  expect(await state()).toMatchObject({ error: { code: 'not-taken-over', message: expect.stringContaining('nobody') } })
  expect(await sync()).toBe('synchronised')
})

test('a source under a new name: what it said under the old one holds until it was read under the new', async () => {
  await introduceSources(team)
  write('team', { users: { ada: 'ada@example.org' }, namespaces: { app: { members: { ada: 'owner' } } } })
  await sync()
  const renamed = deps(file('crew'))
  await introduceSources(renamed)
  expect(await syncPeople(renamed, { source: 'crew' }, never)).toBe('failed')
  expect(await roles('app')).toEqual(['ada owner'])
  expect((await listSources(renamed)).map(({ name }) => name)).toEqual(['crew'])
  write('crew', { users: { bob: 'bob@example.org' }, namespaces: { app: { members: { bob: 'owner' } } } })
  expect(await syncPeople(renamed, { source: 'crew' }, never)).toBe('synchronised')
  expect(await roles('app')).toEqual(['bob owner'])
  expect(await getUser(pg, 'ada')).toMatchObject({ enabled: false })
  expect(await pg.sql`select name from people_source`).toEqual([{ name: 'crew' }])
})

test('what a worker that was killed left of its job is removed with the next wish, what waits is not', async () => {
  await pg.sql`delete from graphile_worker._private_jobs`
  const jobs = () => pg.sql<{ key: string | null; attempts: number }[]>`
    select key, attempts from graphile_worker._private_jobs order by id`
  await enqueueSync(team)
  await pg.sql`update graphile_worker._private_jobs set locked_at = now(), locked_by = 'killed', attempts = 1`
  await enqueueSync(team)
  await pg.sql`update graphile_worker._private_jobs set locked_at = null, locked_by = null where locked_by = 'killed'`
  expect(await jobs()).toEqual([
    { key: null, attempts: 25 },
    { key: 'people:team', attempts: 0 },
  ])
  await enqueueSync(team)
  expect(await jobs()).toEqual([{ key: 'people:team', attempts: 0 }])
})

test('held since an instant to come, of a clock that was set back, is believed an interval later all the same', async () => {
  await introduceSources(team)
  const crowd = (count: number) => ({
    users: Object.fromEntries(Array.from({ length: count }, (_, i) => [`u${i}`, `u${i}@example.org`])),
  })
  write('team', crowd(12))
  await sync()
  write('team', crowd(3))
  const today = now
  now = new Date(today.getTime() + 10 * 86_400_000)
  expect(await sync()).toBe('held')
  now = today
  expect(await sync()).toBe('held')
  now = new Date(today.getTime() + 301_000)
  expect(await sync()).toBe('synchronised')
})
