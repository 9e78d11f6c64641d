import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { stringify } from 'yaml'
import { makeToken, principalOf } from '../../src/access/api-tokens.ts'
import { bootstrap } from '../../src/access/principal.ts'
import type { Config } from '../../src/config.ts'
import { introduceSources } from '../../src/people/people-sources.ts'
import { syncPeople } from '../../src/people/sync-people.ts'
import { configFor } from '../notify/config.ts'
import { wipe } from '../notify/flags.ts'
import { testDeps } from '../support/deps.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'

/** What becomes of a person's token while sources are taken out, put back, renamed, held and failing. */
let pg: TestDatabase
const dir = mkdtempSync(join(tmpdir(), 'come-back-'))
beforeAll(async () => {
  pg = await testDatabase()
})
afterAll(async () => {
  await pg.close()
  rmSync(dir, { recursive: true, force: true })
})

const never = new AbortController().signal
const file = (name: string) => ({ kind: 'file' as const, name, registry: 'r.test', path: join(dir, `${name}.yaml`) })
const deps = (...names: string[]) => ({
  ...testDeps(pg),
  clock: () => new Date(Date.now() + 3_600_000), // so late that every file has settled
  config: configFor(['r.test'], { peopleSources: names.map(file) as Config['peopleSources'], peopleInterval: 300 }),
})
const write = (name: string, ...users: string[]) =>
  writeFileSync(
    join(dir, `${name}.yaml`),
    stringify({ users: Object.fromEntries(users.map((user) => [user, `${user}@example.org`])) }),
  )
/** A start with these sources, each read once. */
const start = async (...names: string[]) => {
  await introduceSources(deps(...names))
  for (const source of names) await sync(source, ...names)
}
const sync = (source: string, ...configured: string[]) =>
  syncPeople(deps(...(configured.length > 0 ? configured : [source])), { source }, never)
const weeksPass = () => pg.sql`update person set gone_at = gone_at - interval '15 days' where gone_at is not null`
let ada: string
const opens = async () => (await principalOf(testDeps(pg), ada)) !== null
const isGone = async () => (await pg.sql`select 1 from person where name = 'ada' and gone_at is not null`).length > 0

beforeEach(async () => {
  await wipe(pg.sql)
  write('team', 'ada', 'bob', 'cyd')
  await start('team')
  ada = (await makeToken(testDeps(pg), bootstrap, { user: 'ada', name: 't', scopes: [], expiresAt: null })).token
  expect(await opens()).toBe(true)
})

test('a source that is taken out and put back within the week takes nothing with it', async () => {
  await start()
  expect([await isGone(), await opens()]).toEqual([true, false])
  await start('team')
  expect([await isGone(), await opens()]).toEqual([false, true])
})

test('put back later, all its names begin anew', async () => {
  await start()
  await weeksPass()
  await start('team')
  expect([await isGone(), await opens()]).toEqual([false, false])
  expect(
    (await pg.sql`select subject from audit where action = 'begin anew' order by 1`).map((row) => row.subject),
  ).toEqual(['ada', 'bob', 'cyd'])
})

test('one that is renamed holds until it is read, however late: its names were never gone', async () => {
  rmSync(join(dir, 'crew.yaml'), { force: true })
  await start('crew')
  await weeksPass()
  expect([await isGone(), await opens()]).toEqual([false, true])
  write('crew', 'ada', 'bob')
  expect(await sync('crew')).toBe('synchronised')
  expect([await isGone(), await opens()]).toEqual([false, true])
})

test('one that fails or is held lets nobody go', async () => {
  writeFileSync(join(dir, 'team.yaml'), 'users: {}\n')
  expect(await sync('team')).toBe('held')
  rmSync(join(dir, 'team.yaml'))
  expect(await sync('team')).toBe('failed')
  await weeksPass()
  write('team', 'ada', 'bob', 'cyd')
  expect(await sync('team')).toBe('synchronised')
  expect([await isGone(), await opens()]).toEqual([false, true])
})

test('a name that goes over from one source to another is nobody else’s', async () => {
  write('crew', 'ada')
  await start('team', 'crew')
  write('team', 'bob', 'cyd')
  await sync('team', 'team', 'crew')
  await weeksPass()
  write('team', 'ada', 'bob', 'cyd')
  await sync('team', 'team', 'crew')
  expect([await isGone(), await opens()]).toEqual([false, true])
})
