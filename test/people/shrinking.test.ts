import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { stringify } from 'yaml'
import { introduceSources, listSources } from '../../src/people/people-sources.ts'
import { type Losses, lossKinds, shrinking } from '../../src/people/shrinking.ts'
import { syncPeople } from '../../src/people/sync-people.ts'
import { configFor } from '../notify/config.ts'
import { wipe } from '../notify/flags.ts'
import { testDeps } from '../support/deps.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'

/** What of a source's last words is held when it says it no more, and until when. */
describe('of one kind', () => {
  const none = Object.fromEntries(lossKinds.map((kind) => [kind, { before: 0, gone: 0, now: 0, which: '' }])) as Losses
  test.each<[number, number, number, boolean]>([
    [0, 0, 0, false],
    [1, 1, 0, true], // the last
    [1, 1, 1, false], // another in its place
    [3, 1, 2, false],
    [9, 8, 1, false],
    [9, 9, 0, true],
    [10, 5, 5, false],
    [10, 6, 4, true],
    [10, 10, 10, true],
  ])('of %i there were %i are gone and %i there are', (before, gone, now, held) => {
    for (const kind of lossKinds)
      expect(shrinking({ ...none, [kind]: { before, gone, now, which: 'x' } }) !== null).toBe(held)
  })
})

let pg: TestDatabase
const dir = mkdtempSync(join(tmpdir(), 'shrinking-'))
const path = join(dir, 'team.yaml')
beforeAll(async () => {
  pg = await testDatabase()
})
afterAll(async () => {
  await pg.close()
  rmSync(dir, { recursive: true, force: true })
})

/** so late that every file has settled */
let now = new Date(Date.now() + 3_600_000)
const deps = () => ({
  ...testDeps(pg),
  clock: () => now,
  config: configFor(['r.test'], {
    peopleSources: [{ kind: 'file' as const, name: 'team', registry: 'r.test', path }],
    peopleInterval: 300,
  }),
})
beforeEach(async () => {
  await wipe(pg.sql)
  await introduceSources(deps())
})
const never = new AbortController().signal
/** An interval later. */
const next = (said: object | string, believe = false) => {
  now = new Date(now.getTime() + 300_000)
  writeFileSync(path, typeof said === 'string' ? said : stringify(said))
  return syncPeople(deps(), { source: 'team', believe }, never)
}
const message = async () => (await listSources(deps()))[0]?.error?.message
const enabled = async () =>
  (await pg.sql<{ name: string }[]>`select name from person where enabled order by name`).map(({ name }) => name)
const named = (from: number, to: number, entry: (name: string) => unknown) =>
  Object.fromEntries(Array.from({ length: to - from }, (_, i) => [`u${from + i}`, entry(`u${from + i}`)]))
const crowd = (from: number, to: number) => ({ users: named(from, to, (name) => `${name}@example.org`) })

describe('losses that leave no name out', () => {
  test('most namespaces, of which no role is said', async () => {
    const say = (count: number) => ({ namespaces: named(0, count, () => ({ visibility: 'public' })) })
    await next(say(40))
    expect(await next(say(19))).toBe('held')
    expect(await message()).toContain('21 of 40 namespaces')
    expect(await pg.sql`select from namespace where visibility = 'public'`).toHaveLength(40)
    expect(await next(say(19))).toBe('synchronised')
    expect(await pg.sql`select from namespace where visibility = 'public'`).toHaveLength(19)
  })

  test('most visibilities; but another visibility is one', async () => {
    const say = (visibility: string | null) => ({ namespaces: named(0, 40, () => ({ visibility })) })
    await next(say('public'))
    expect(await next(say(null))).toBe('held')
    expect(await message()).toContain('40 of 40 visibilities')
    expect(await next(say('private'))).toBe('synchronised')
  })

  test('most people who were enabled', async () => {
    await next(crowd(0, 40))
    const disabled = named(0, 25, (name) => ({ email: `${name}@example.org`, enabled: false }))
    const said = { users: { ...crowd(0, 40).users, ...disabled } }
    expect(await next(said)).toBe('held')
    expect(await message()).toContain('25 of 40 enabled people')
    expect(await enabled()).toHaveLength(40)
    expect(await next(said)).toBe('synchronised')
    expect(await enabled()).toHaveLength(15)
  })
})

describe('what is held', () => {
  test('of a source of one: the last of a kind goes when it is said twice, or when somebody believes it', async () => {
    const ada = { users: { ada: { email: 'ada@example.org', admin: true } }, owners: '* @ada' }
    await next(ada)
    const noAdmin = { ...ada, users: { ada: 'ada@example.org' } }
    expect(await next(noAdmin)).toBe('held')
    expect(await next(noAdmin)).toBe('synchronised')
    expect(await next({ users: {} })).toBe('held')
    expect(await enabled()).toEqual(['ada'])
    expect(await next({ users: {} }, true)).toBe('synchronised')
    expect(await enabled()).toEqual([])
  })

  test('another owner in place of the only one is believed at once', async () => {
    const users = { ada: 'ada@example.org', bob: 'bob@example.org' }
    await next({ users, owners: '* @ada' })
    expect(await next({ users, owners: '* @bob' })).toBe('synchronised')
    expect(await next({ users: { bob: users.bob }, owners: '* @bob' })).toBe('synchronised')
    expect(await enabled()).toEqual(['bob'])
  })

  test('is compared anew after a failure: what had nothing to do with it is no confirmation', async () => {
    await next(crowd(0, 40))
    expect(await next(crowd(0, 5))).toBe('held')
    for (let i = 0; i < 3; i++) expect(await next('')).toBe('failed')
    expect(await next(crowd(0, 5))).toBe('held')
    expect(await enabled()).toHaveLength(40)
    expect(await next(crowd(0, 5))).toBe('synchronised')
  })

  test('is held anew where something else is missing, whatever that is', async () => {
    await next(crowd(0, 40))
    for (const [from, to] of [
      [0, 5],
      [30, 36],
      [30, 35],
      [0, 5],
    ] as const)
      expect(await next(crowd(from, to))).toBe('held')
    expect(await enabled()).toHaveLength(40)
    expect(await next(crowd(0, 5))).toBe('synchronised')
    expect(await enabled()).toEqual(['u0', 'u1', 'u2', 'u3', 'u4'])
  })

  test('is not shown with a digest of it', async () => {
    await next(crowd(0, 3))
    await next({ users: {} })
    expect((await listSources(deps()))[0]?.error).toEqual({
      code: 'shrunk',
      message: expect.stringContaining('it lacks 3 of 3 people, 3 of 3 enabled people, 3 of 3 addresses'),
    })
  })
})
