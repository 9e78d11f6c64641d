import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { makeToken, principalOf } from '../../src/access/api-tokens.ts'
import { bootstrap } from '../../src/access/principal.ts'
import { putMember } from '../../src/people/members.ts'
import { introduceSources } from '../../src/people/people-sources.ts'
import { syncPeople } from '../../src/people/sync-people.ts'
import { configFor } from '../notify/config.ts'
import { wipe } from '../notify/flags.ts'
import { testDeps } from '../support/deps.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import type { Holder } from './people-source.ts'
import { user, type World } from './people-world.ts'

const never = new AbortController().signal
const withBob = (address = 'bob@example.org'): World => ({
  users: [user('ada'), user('bob', { email: address }), user('cyd')],
  teams: [{ name: 'dev', members: { ada: 'owner', bob: 'contributor', cyd: 'owner' } }],
  namespaces: [{ name: 'app', team: 'dev', visibility: 'private' }],
})
const withoutBob = (): World => ({
  users: [user('ada'), user('cyd')],
  teams: [{ name: 'dev', members: { ada: 'owner', cyd: 'owner' } }],
  namespaces: [{ name: 'app', team: 'dev', visibility: 'private' }],
})

/** A name that has left, and that the source says again: soon it is the same person's, later it may be anybody's. Run on each adapter. */
export function comeBackSuite(holder: () => Holder): void {
  let pg: TestDatabase
  const deps = () => ({
    ...testDeps(pg),
    clock: () => new Date(Date.now() + 3_600_000), // so late that every file has settled
    config: configFor(['reg.test'], { peopleSources: [holder().config()] }),
  })
  const sync = async (said: World) => {
    await holder().set(said)
    expect(await syncPeople(deps(), { source: holder().config().name }, never)).toBe('synchronised')
  }
  const opens = async (token: string) => (await principalOf(testDeps(pg), token))?.name ?? null
  const bob = async () =>
    (await pg.sql`select email, enabled, gone_at is not null as gone from person where name = 'bob'`)[0]
  const told = () => pg.sql`select actor, via, action, subject, status, request_id from audit`
  const roles = async () =>
    (await pg.sql`select namespace_key as key from member where user_name = 'bob' order by 1`).map(({ key }) => key)
  let tokens: { bob: string; ada: string; gift: string }

  beforeAll(async () => {
    pg = await testDatabase()
  })
  afterAll(() => pg.close())
  beforeEach(async () => {
    await wipe(pg.sql)
    await pg.sql`truncate audit`
    await introduceSources(deps())
    await sync(withBob())
    await putMember(pg, 'by-hand', 'bob', { role: 'owner' })
    const token = async (name: string, by = bootstrap) =>
      (await makeToken(testDeps(pg), by, { user: name, name: 't', scopes: [], expiresAt: null })).token
    const [own, ada] = [await token('bob'), await token('ada')]
    tokens = {
      bob: own,
      ada,
      gift: await token('ada', { ...bootstrap, via: (await principalOf(testDeps(pg), own))!.via }),
    }
    await pg.sql`insert into password (user_name, phc, changed_at) values ('bob', 'phc', now())`
    await pg.sql`
      insert into identity (issuer, subject, user_name, created_at) values ('https://op.test', 'bob-1', 'bob', now())`
    await sync(withoutBob())
    expect(await bob()).toMatchObject({ enabled: false, gone: true })
    expect(await opens(tokens.bob)).toBeNull()
  })

  describe('a name that left, and is said again', () => {
    test('within a week is the same person’s: what was theirs works', async () => {
      await pg.sql`update person set gone_at = gone_at - interval '6 days 23 hours' where name = 'bob'`
      await sync(withBob())
      expect(await bob()).toEqual({ email: 'bob@example.org', enabled: true, gone: false })
      expect([await opens(tokens.bob), await opens(tokens.gift)]).toEqual(['bob', 'ada'])
      expect(await pg.sql`select 1 from password, identity`).toHaveLength(1)
      expect(await roles()).toEqual(['app', 'by-hand'])
      expect(await told()).toEqual([])
    })

    test('later begins anew, and the audit log tells', async () => {
      await pg.sql`update person set gone_at = gone_at - interval '7 days 1 hour' where name = 'bob'`
      await sync(withBob('robert@example.org'))
      expect(await bob()).toEqual({ email: 'robert@example.org', enabled: true, gone: false })
      expect([await opens(tokens.bob), await opens(tokens.gift), await opens(tokens.ada)]).toEqual([null, null, 'ada'])
      expect(await pg.sql`select user_name from password union select user_name from identity`).toEqual([])
      // what the source says of them now, and not what was given here to whoever had the name before
      expect(await roles()).toEqual(['app'])
      const { name } = holder().config()
      expect(await told()).toEqual([
        {
          ...{ actor: name, via: 'source', action: 'begin anew', subject: 'bob' },
          ...{ status: 200, requestId: `people:${name}` },
        },
      ])
      // and then stays
      const fresh = await makeToken(testDeps(pg), bootstrap, { user: 'bob', name: 't', scopes: [], expiresAt: null })
      await sync(withBob('rob@example.org'))
      expect([await opens(fresh.token), (await told()).length]).toEqual(['bob', 1])
    })
  })
}
