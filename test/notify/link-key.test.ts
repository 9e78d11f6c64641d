import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { makeVault } from '../../src/build/vault.ts'
import { currentKey, lastingKey } from '../../src/notify/link-key.ts'
import { notify } from '../../src/notify/notify.ts'
import { getNotifySettings } from '../../src/notify/notify-settings.ts'
import { signUnsubscribe } from '../../src/notify/unsubscribe-token.ts'
import { putMember } from '../../src/people/members.ts'
import { startApi } from '../api/start-api.ts'
import { startWith } from '../people/registries.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { addOutdated, sha, wipe } from './flags.ts'

let pg: TestDatabase
beforeAll(async () => {
  pg = await testDatabase()
})
afterAll(() => pg.close())
beforeEach(async () => {
  await wipe(pg.sql)
  await pg.sql`truncate setting, notify_person, notify_namespace`
})
const start = (...registries: string[]) => startWith(pg, ...registries)
type Started = Awaited<ReturnType<typeof start>>

test.each([
  ['zork', ['a.test'], 'a.test/zork'],
  ['_', ['a.test'], 'a.test/_'],
  ['a.test/zork', ['a.test', 'b.test'], 'a.test/zork'],
  ['zork', [], 'zork'],
])('a link of %s with %j says %s', (key, names, said) => {
  expect(lastingKey({ config: { registries: names.map((name) => ({ name, url: '', insecure: false })) } }, key)).toBe(
    said,
  )
})

describe.each<[string, string[][], string]>([
  ['a second registry came', [['a.test', 'b.test']], 'a.test/zork'],
  ['it came and went', [['a.test', 'b.test'], ['a.test']], 'zork'],
  ['another is left', [['a.test', 'b.test'], ['b.test']], 'a.test/zork'],
  ['another took its place', [['b.test']], 'a.test/zork'],
  ['it was renamed', [['b.test=a.test']], 'zork'],
  ['it was renamed, beside another', [['b.test=a.test', 'c.test']], 'b.test/zork'],
])('a link from when a.test was alone, since when %s', (_what, starts, key) => {
  test('is of the same namespace, as a mail has it and as older ones had it', async () => {
    let d: Started = await start('a.test')
    const said = lastingKey(d, 'zork')
    for (const registries of starts) d = await start(...registries)
    expect([await currentKey(d, said), await currentKey(d, 'zork')]).toEqual([key, key])
  })
})

test('the link of a mail ends the mails of its namespace once there is a second registry', async () => {
  const d = await start('a.test')
  await putMember(pg, 'zork', 'ada', { role: 'owner', email: 'ada@example.org' })
  await addOutdated(pg.sql, 'a.test/zork/run:1', { base: 'a.test/lib/base:1', to: sha('v2') })
  const vault = makeVault('a secret') // the API's
  await notify({ ...d, vault })
  const [mail] = await pg.sql<{ html: string }[]>`select html from mail`
  const paths = [...mail!.html.matchAll(/\/unsubscribe\/[\w.-]+/g)].map(([path]) => path)
  expect(paths.length).toBeGreaterThan(0)
  const [{ bearer } = { bearer: null }] = await pg.sql<{ bearer: string | null }[]>`select bearer from person`
  const older = `/unsubscribe/${signUnsubscribe(vault, { person: 'ada', namespace: 'zork', bearer })}`
  const later = await start('a.test', 'b.test')
  const api = await startApi(pg, later.config.registries, { outside: [], watch: [] })
  try {
    for (const path of [paths[0]!, older]) {
      await pg.sql`truncate notify_person, notify_namespace`
      const url = `${api.url}${path}`
      const answer = await fetch(url, {
        method: 'POST',
        body: new URLSearchParams({ 'List-Unsubscribe': 'One-Click' }),
      })
      expect([answer.status, (await answer.text()).includes('a.test/zork')]).toEqual([200, true])
      expect((await getNotifySettings(later, 'ada')).namespaces).toEqual({ 'a.test/zork': 'off' })
    }
  } finally {
    await api.close()
  }
})
