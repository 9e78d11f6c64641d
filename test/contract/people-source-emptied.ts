import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { introduceSources, listSources } from '../../src/people/people-sources.ts'
import { syncPeople } from '../../src/people/sync-people.ts'
import { configFor } from '../notify/config.ts'
import { wipe } from '../notify/flags.ts'
import { testDeps } from '../support/deps.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import type { Holder, Knows } from './people-source.ts'
import { nobody, user, type World } from './people-world.ts'

const never = new AbortController().signal

const small = (): World => ({
  users: [user('ada'), user('bob'), user('root', { admin: true })],
  teams: [
    { name: 'dev', members: { ada: 'owner', bob: 'contributor' } },
    { name: 'root', hidden: true, members: { root: 'owner' } },
  ],
  namespaces: [
    { name: 'app', team: 'dev', visibility: 'public' },
    { name: 'root', team: 'root', visibility: 'private' },
  ],
})
const withUsers = (more: Partial<World['users'][number]>): World => ({
  ...small(),
  users: small().users.map((person) => ({ ...person, ...more })),
})
const withoutMembers = (): World['teams'] => small().teams.map((team) => ({ ...team, members: {} }))

/** A source of a few people, of which one kind is gone: what is well-formed, and yet most likely nonsense. */
const emptied: Record<string, World> = {
  everything: nobody(),
  'all people': { ...small(), users: [], teams: withoutMembers() },
  'all namespaces': { ...small(), namespaces: [] },
  'all roles': { ...small(), teams: withoutMembers() },
  'all addresses': withUsers({ email: null }),
  'all admins': withUsers({ admin: false }),
}

/** However few a source speaks of, nothing that it says empties them; and one of few may go. Run on each adapter, by what it is configured with. */
export function emptiedSuite(holder: () => Holder, knows: Pick<Knows, 'disabled' | 'cannotLack'>): void {
  let pg: TestDatabase
  let now = new Date(Date.now() + 3_600_000) // so late that every file has settled
  const deps = () => ({
    ...testDeps(pg),
    clock: () => now,
    config: configFor(['reg.test'], { peopleSources: [holder().config()], peopleInterval: 300 }),
  })
  const sync = async (said: World) => {
    await holder().set(said)
    return syncPeople(deps(), { source: holder().config().name }, never)
  }
  const stored = async () => ({
    people: await pg.sql`select name, enabled, email, admin from person order by name`,
    members: await pg.sql`select namespace_key, user_name, role::text from member order by 1, 2`,
    namespaces: await pg.sql`select key, visibility::text from namespace order by key`,
  })
  beforeAll(async () => {
    pg = await testDatabase()
  })
  afterAll(() => pg.close())
  beforeEach(async () => {
    await wipe(pg.sql)
    await introduceSources(deps())
    expect(await sync(small())).toBe('synchronised')
  })

  describe('a few people, and then', () => {
    const cases = Object.entries({
      ...emptied,
      ...(knows.disabled ? { 'all enabled': withUsers({ enabled: false }) } : {}),
    })
    test.each(cases)(
      '%s gone: nobody loses anything, and it is told; said again an interval later, it is believed where it can be',
      async (what, said) => {
        const before = await stored()
        expect(['held', 'failed']).toContain(await sync(said))
        expect(await stored()).toEqual(before)
        const [source] = await listSources(deps())
        const isNonsense = knows.cannotLack.includes(what)
        expect(source).toMatchObject({ error: { code: isNonsense ? 'nonsense' : 'shrunk' } })
        now = new Date(now.getTime() + 300_000)
        expect(await sync(said)).toBe(isNonsense ? 'failed' : 'synchronised')
        if (isNonsense) expect(await stored()).toEqual(before)
        else expect(await stored()).not.toEqual(before)
      },
    )

    test('one of them gone: believed at once', async () => {
      const { users, teams, namespaces } = small()
      const left = teams.map((team) => ({
        ...team,
        members: team.name === 'dev' ? { ada: 'owner' as const } : team.members,
      }))
      expect(await sync({ users: users.filter(({ name }) => name !== 'bob'), teams: left, namespaces })).toBe(
        'synchronised',
      )
      const { people, members } = await stored()
      expect(people.map(({ name, enabled }) => `${name} ${enabled}`)).toEqual(['ada true', 'bob false', 'root true'])
      expect(members.map(({ userName }) => userName)).toEqual(['ada', 'root'])
    })
  })
}
