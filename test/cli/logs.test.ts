import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { makeToken } from '../../src/access/api-tokens.ts'
import { bootstrap } from '../../src/access/principal.ts'
import { put } from '../api/access-world.ts'
import { startApi, type TestApi } from '../api/start-api.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { drydock } from './run.ts'

/** A build that failed in a namespace that everybody may read: its words are for pia, who may build there, and not for vera. */
let pg: TestDatabase
let api: TestApi
let id: string
const tokens: Record<string, string> = {}
const message = 'https://git.test/secret.git refuses us'
beforeAll(async () => {
  pg = await testDatabase()
  api = await startApi(pg)
  await put(api, 'namespaces/plaza', { visibility: 'public' })
  for (const [user, role] of [
    ['pia', 'contributor'],
    ['vera', 'viewer'],
  ] as const) {
    await put(api, `users/${user}`, { email: null })
    await put(api, `namespaces/plaza/members/${user}`, { role })
    tokens[user] = (await makeToken(api.d, bootstrap, { user, name: 't', scopes: [], expiresAt: null })).token
  }
  const [row] = await pg.sql<{ id: string }[]>`
    insert into build (ref, key, state, builder, reason, recipe, created_at, started_at, finished_at, error, namespace_key)
    values ('reg:5000/plaza/run:1', 'k', 'failed', 'docker', ${pg.sql.json({ kind: 'manual' })}, '{}', now(), now(), now(),
      ${pg.sql.json({ code: 'git-auth', message, retryable: false })}, 'plaza') returning id`
  id = row!.id
  for (const [seq, text] of ['from reg:5000/hu', 'sh/base:1\n'].entries())
    await pg.sql`insert into build_log (build_id, seq, at, text) values (${id}, ${seq}, now(), ${text})`
})
afterAll(async () => {
  await api.close()
  await pg.close()
})

const run = (user: string, ...args: string[]) => drydock(args, { DRYDOCK_URL: api.url, DRYDOCK_TOKEN: tokens[user]! })

test.each([[['logs']], [['logs', '-f']]])('%j says whom a log is shown to', async ([command, ...options]) => {
  const refused = await run('vera', command!, id, ...options)
  expect([refused.code, refused.out]).toEqual([1, ''])
  expect(refused.err).toContain('that is shown to contributors and owners of the namespace alone')
  const shown = await run('pia', command!, id, ...options)
  expect(shown.out).toBe('from (withheld)\n')
  expect(shown.err).toEqual(options.length === 0 ? '' : expect.stringContaining(`${message} (git-auth)`))
})

test('builds are listed to both, with the code of what failed', async () => {
  for (const user of ['vera', 'pia']) {
    const { code, out } = await run(user, 'builds')
    expect([code, out]).toEqual([0, expect.stringMatching(/git-auth\n$/)])
    expect(out).not.toContain('git.test')
  }
})
