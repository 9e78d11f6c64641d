import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { curate } from '../../src/policy/curate.ts'
import { storeSmallWorld } from '../api/small-world.ts'
import { type Loose, startApi, type TestApi } from '../api/start-api.ts'
import { addTag, sha } from '../notify/flags.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { drydock } from './run.ts'

/** The commands as processes of their own, against the real API on a real database. */
let pg: TestDatabase
let api: TestApi
let env: Record<string, string>
beforeAll(async () => {
  pg = await testDatabase()
  await storeSmallWorld(pg)
  api = await startApi(pg)
  env = { DRYDOCK_URL: api.url, DRYDOCK_TOKEN: api.token, USER: 'ada' }
})
afterAll(async () => {
  await api.close()
  await pg.close()
})

const run = (...args: string[]) => drydock(args, env)
const good = async (...args: string[]): Promise<string> => {
  const { code, out, err } = await run(...args)
  expect([args, code, err]).toEqual([args, 0, ''])
  return out
}

test('policy: set, list, rm, and what becomes of outdated', async () => {
  expect(
    await good(
      'policy',
      'set',
      'app',
      '--exclude',
      'pr-*',
      '--exclude',
      'tmp',
      '--keep-newest',
      '3',
      '--keep-by',
      'push',
    ),
  ).toBe('app: not pr-*, tmp; the 3 newest by push\n')
  expect(await good('policy', 'set', 'app/run', '--include', '[0-9]', '--ignore-immutable', '--immutable', '1')).toBe(
    'reg:5000/app/run: only [0-9]; no immutable tags, nor 1\n',
  )
  expect(await good('policy', 'set', '_')).toBe('_: every tag\n')
  expect((await good('policy', 'list')).split('\n').map((line) => line.split('\t')[0])).toEqual([
    '_',
    'app',
    'reg:5000/app/run',
    '',
  ])
  expect(JSON.parse(await good('policy', 'list', '--json'))).toEqual((await api.get('policies')).items)
  await curate(api.d, 'reg:5000/app/run')
  expect(await good('outdated')).not.toMatch(/^reg:5000\/app\/run:1/m)
  expect(await good('outdated', '--ignored')).toContain('none, ignored: immutable 1 (reg:5000/app/run)\n')
  expect(await good('policy', 'rm', 'app/run')).toBe('removed the policy of app/run\n')
  await curate(api.d, 'reg:5000/app/run')
})

test('policy: what is refused says why', async () => {
  const bad = await run('policy', 'set', 'app', '--exclude', '!x', '--include', 'a/b')
  expect([bad.code, bad.err]).toEqual([
    1,
    `drydock: the body is not as it should be\n  include.0: no tag's name holds "/"; patterns are of * ? [abc] {a,b}\n  exclude.0: a pattern is not negated: put it under exclude\n`,
  ])
  expect((await run('policy', 'set', 'app', '--keep-newest', 'many')).code).toBe(2)
  expect((await run('policy', 'set', 'app', '--keep-by', 'size')).code).toBe(2)
  expect((await run('policy', 'rm', 'nowhere')).code).toBe(1)
})

test('snooze: add, list, rm, and what becomes of outdated', async () => {
  const said = await good('snooze', 'add', 'app/run:1', '--reason', 'a release is cut', '--for', '14d')
  expect(said).toMatch(/^tag reg:5000\/app\/run:1 is snoozed until \d{4}-\S+Z \([0-9a-f-]{36}\)\n$/)
  const [snooze] = (await api.get('snoozes')).items as readonly Loose[]
  expect(snooze).toMatchObject({ by: 'ada', reason: 'a release is cut' })
  const days = (Date.parse(String(snooze!.expiresAt)) - Date.now()) / 86_400_000
  expect(days).toBeGreaterThan(13.9)
  expect(days).toBeLessThanOrEqual(14)
  expect(await good('outdated')).toContain(
    `none, snoozed until ${String(snooze!.expiresAt).slice(0, 16)}Z: a release is cut\n`,
  )
  await good(
    'snooze',
    'add',
    'lib/base:1',
    '--base',
    '--reason',
    'x',
    '--until',
    new Date(Date.now() + 1e8).toISOString(),
    '--by',
    'bob',
  )
  const lines = (await good('snooze', 'list')).trim().split('\n')
  expect(lines.map((line) => line.split('\t').filter((_, i) => [1, 2, 4, 5].includes(i)))).toEqual([
    ['base', 'reg:5000/lib/base:1', 'bob', 'x'],
    ['tag', 'reg:5000/app/run:1', 'ada', 'a release is cut'],
  ])
  expect(await good('snooze', 'rm', snooze!.id)).toBe(`ended ${snooze!.id}\n`)
  expect(JSON.parse(await good('snooze', 'list', '--json'))).toHaveLength(1)
})

test.each([
  ['no time', ['--reason', 'x'], 2],
  ['two times', ['--reason', 'x', '--for', '1d', '--until', '2026-01-01'], 2],
  ['a time that is none', ['--reason', 'x', '--for', 'ever'], 2],
  ['an end that is none', ['--reason', 'x', '--until', 'soon'], 2],
  ['no reason', ['--for', '1d'], 2],
  ['an end in the past', ['--reason', 'x', '--until', '2020-01-01T00:00:00Z'], 1],
])('snooze: %s', async (_what, args, code) => {
  expect((await run('snooze', 'add', 'app/run:1', ...args)).code).toBe(code)
})

test('outdated --newer: bases with a later version', async () => {
  for (const tag of ['lib/node:22.1-slim', 'lib/node:22.2-slim', 'lib/node:23.0-slim'])
    await addTag(pg.sql, `reg:5000/${tag}`, { digest: sha(tag) })
  expect(await good('outdated', '--newer')).toBe('')
  await pg.sql`
    update tag set platforms = jsonb_set(platforms, '{0,bases,0,ref}', '"reg:5000/lib/node:22.1-slim"') where ref = 'reg:5000/app/tool:1'`
  const node = (tag: string) => `reg:5000/lib/node:${tag}-slim`
  expect(await good('outdated', '--newer')).toBe(
    `reg:5000/app/tool:1\t${node('22.1')}\t${node('22.2')}\t${node('23.0')}\n`,
  )
  expect(JSON.parse(await good('outdated', '--newer', '--namespace', 'app', '--json'))).toEqual(
    (await api.get('newer')).items,
  )
  expect((await run('outdated', '--newer', '--base', 'x')).code).toBe(2)
})
