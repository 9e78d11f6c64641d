import { afterAll, beforeAll, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { moveKeys } from '../../src/people/move-keys.ts'
import { namespaceKey } from '../../src/people/namespace-key.ts'
import { makeRegistries } from '../../src/registry/registries.ts'
import { configFor } from '../notify/config.ts'
import { wipe } from '../notify/flags.ts'
import { testDeps } from '../support/deps.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { startWith } from './registries.ts'
import { expectedOf, follow, newWorld, type Start, say, starts, stored, type World } from './starts-world.ts'

/** Starts with other registries, in any order: docs/design/namespaces.md, the invariant. */
let pg: TestDatabase
beforeAll(async () => {
  pg = await testDatabase()
})
afterAll(() => pg.close())

/** `twice`: two processes at once. `dies`: after keys were moved, before the registries are made known. */
type How = 'whole' | 'twice' | 'dies'

async function make({ registries }: Start, how: How): Promise<void> {
  if (how === 'whole') return void (await startWith(pg, ...registries))
  if (how === 'twice') return void (await Promise.all([startWith(pg, ...registries), startWith(pg, ...registries)]))
  const d = testDeps(pg)
  const named = registries.filter((one) => !one.startsWith('watch')).map((one) => one.split('='))
  const own = configFor(named.map(([name]) => name!)).registries.map((one, i) => ({
    ...one,
    aliases: named[i]!.slice(1),
  }))
  const config = { ...configFor(), registries: own }
  const made = makeRegistries(own, d.log, config)
  await moveKeys({ ...d, config, registries: made })
  made.close()
}

async function step(world: World, start: Start, how: How): Promise<void> {
  const before = await stored(pg)
  await make(start, how)
  const now = await stored(pg)
  follow(world, start)
  // nothing is lost, wherever it stands
  const kept = (rows: typeof now) =>
    rows.filter(({ place }) => place !== 'member').map(({ place, what }) => `${place} ${what}`)
  expect(kept(now).sort()).toEqual(kept(before).sort())
  if (start.own.length === 0) expect(now).toEqual(before)
  for (const [name, of] of start.own) {
    const key = namespaceKey(name, 'app', start.own.length)
    const found: { [place: string]: string[] } = Object.fromEntries(
      Object.keys(expectedOf(world, of)).map((place) => [place, []]),
    )
    for (const row of now) if (row.key === key) found[row.place]!.push(row.what)
    for (const all of Object.values(found)) all.sort()
    const expected = expectedOf(world, of)
    // who is derived from it follows once the registries are known
    if (how === 'dies') expected.member = found.member!
    expect([key, found]).toEqual([key, expected])
  }
  if (start.own.length === 0 || how === 'dies') return
  const keys = start.own.map(([name]) => namespaceKey(name, 'app', start.own.length))
  expect(now.filter(({ place, key }) => place === 'member' && !keys.includes(key))).toEqual([])
}

async function run(sequence: readonly (readonly [Start, How])[]): Promise<void> {
  await wipe(pg.sql)
  await pg.sql`truncate setting, token, notify_person, notify_namespace, registry, namespace_said, member_said, person_said, member, namespace, person, audit cascade`
  const world = newWorld()
  for (const [start, how] of sequence) {
    await step(world, start, how)
    if (how !== 'dies') await say(pg, world, start)
  }
}

test('whose a namespace is hangs on what was said of it, not on which starts came between', async () => {
  const how = fc.constantFrom<How>('whole', 'whole', 'whole', 'twice', 'dies')
  const sequence = fc.array(fc.tuple(fc.constantFrom(...starts), how), { minLength: 3, maxLength: 7 })
  await fc.assert(fc.asyncProperty(sequence, run), { seed: 20261122, numRuns: 25 })
})
