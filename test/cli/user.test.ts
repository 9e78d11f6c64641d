import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { verifyPassword } from '../../src/access/argon2id.ts'
import { put } from '../api/access-world.ts'
import { startApi, type TestApi } from '../api/start-api.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { drydock } from './run.ts'

let pg: TestDatabase
let api: TestApi
beforeAll(async () => {
  pg = await testDatabase()
  api = await startApi(pg)
  await put(api, 'users/ann', { email: null })
})
afterAll(async () => {
  await api.close()
  await pg.close()
})

const run = (...args: string[]) => drydock(args, { DRYDOCK_URL: api.url, DRYDOCK_TOKEN: api.token })

const password = (stdin: string, ...args: string[]) =>
  drydock(['user', 'password', ...args], { DRYDOCK_URL: api.url, DRYDOCK_TOKEN: api.token }, stdin)
const stored = () => pg.sql<{ userName: string; phc: string }[]>`select user_name, phc from password`

test('user password: read from standard input, without its line end; taken away', async () => {
  const set = await password('correct horse battery\n', 'ann')
  expect([set.code, set.err]).toEqual([0, ''])
  expect(set.out).not.toContain('correct')
  const [row] = await stored()
  expect(row?.userName).toBe('ann')
  expect(await verifyPassword(row?.phc ?? '', 'correct horse battery')).toEqual({ right: true, stale: false })
  expect((await password('', 'ann', '--remove')).code).toBe(0)
  expect(await stored()).toHaveLength(0)
})

test('user password: too short, of nobody, nothing given', async () => {
  const short = await password('too short', 'ann')
  expect([short.code, short.err]).toEqual([1, expect.stringContaining('at least 12 characters')])
  expect((await password('correct horse battery', 'ghost')).code).toBe(1)
  expect((await password('\n', 'ann')).code).toBe(2)
  expect(await stored()).toHaveLength(0)
})

test('user identities: shown, and untied', async () => {
  const identities = (...args: string[]) =>
    drydock(['user', 'identities', ...args], { DRYDOCK_URL: api.url, DRYDOCK_TOKEN: api.token })
  await pg.sql`insert into identity (issuer, subject, user_name, created_at) values ('https://op.test', 'a-1', 'ann', now())`
  const shown = await identities('ann')
  expect([shown.code, shown.out]).toEqual([0, expect.stringMatching(/https:\/\/op\.test\s+a-1/)])
  expect(JSON.parse((await identities('ann', '--json')).out)).toMatchObject([{ subject: 'a-1' }])
  expect((await identities('ann', '--untie')).code).toBe(0)
  expect((await identities('ann', '--untie')).code).toBe(1)
  expect(await pg.sql`select from identity`).toHaveLength(0)
})

test('user list and member list: everybody, with the role that was given as an argument or an option', async () => {
  await put(api, 'users/bob', { email: 'bob@example.org', displayName: 'Bob B', bot: true, enabled: false })
  await put(api, 'users/root', { email: null, admin: true })
  const users = await run('user', 'list')
  expect([users.code, users.err]).toEqual([0, ''])
  expect(users.out).toBe('ann\t\t\t\nbob\tbob@example.org\tBob B\tbot, disabled\nroot\t\t\tadmin\n')
  expect(JSON.parse((await run('user', 'list', '--json')).out)).toEqual((await api.get('users')).items)
  expect((await run('member', 'list', 'app')).out).toBe('')
  for (const [said, user] of [
    [['viewer'], 'ann'],
    [['--role', 'owner'], 'bob'],
    [['owner', '--role', 'owner'], 'root'],
  ] as const)
    expect((await run('member', 'set', 'app', user, ...said)).out).toContain(`${user} is ${said.at(-1)} of app`)
  expect((await run('member', 'list', 'app')).out).toBe(
    'ann\tviewer\t\t\nbob\towner\tBob B\tbob@example.org\nroot\towner\t\t\n',
  )
  expect(JSON.parse((await run('member', 'list', 'app', '--json')).out)).toEqual(
    (await api.get('namespaces/app/members')).items,
  )
  await run('member', 'set', 'app', 'ann')
  expect((await run('member', 'list', 'app')).out).toContain('ann\tcontributor')
})

test('user list: page after page', async () => {
  await pg.sql`insert into person (name) select 'p' || lpad(n::text, 4, '0') from generate_series(1, 1100) as n`
  const names = (await run('user', 'list')).out.split('\n').map((line) => line.split('\t')[0]!)
  expect(names.filter((name) => name.startsWith('p'))).toHaveLength(1100)
  expect(new Set(names).size).toBe(names.length)
})

test('--version is what package.json says', async () => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  expect(await run('--version')).toEqual({ code: 0, out: `${version}\n`, err: '' })
})
