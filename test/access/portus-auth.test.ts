import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { makePortusCheck, portusPrincipal } from '../../src/access/portus-auth.ts'
import { attemptsAllowed } from '../../src/access/sign-in-guard.ts'
import type { Config } from '../../src/config.ts'
import { introduceSources } from '../../src/people/people-sources.ts'
import { put } from '../api/access-world.ts'
import { startApi, type TestApi } from '../api/start-api.ts'
import { configFor } from '../notify/config.ts'
import { testDeps } from '../support/deps.ts'
import { type HttpServer, reply, serveHttp } from '../support/http-server.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'

/** An HTTP server that answers as Portus does: 401 to a token it does not know (lib/api/helpers.rb), else whether a name is free. */
let portus: HttpServer
let pg: TestDatabase
let api: TestApi
let answers: 'portus' | 'broken' | 'a web page' | 'elsewhere' = 'portus'
const asked: string[] = []
beforeAll(async () => {
  portus = await serveHttp((request, response, url) => {
    asked.push(String(request.headers['portus-auth']))
    if (answers === 'broken') return reply(response, 500, 'oh')
    if (answers === 'a web page') return reply(response, 200, '<html>')
    if (answers === 'elsewhere') return reply(response, 302, '', { location: `${portus.url}/else` })
    const known = /^(ann|ANN|Bob|bob|gone|ghost|Ann Marie O'Lee|ann:good):good$/.test(asked.at(-1)!)
    const right = url.pathname === '/api/v1/namespaces/validate' && url.searchParams.get('name') !== null
    const body = known ? { valid: true, messages: {} } : { error: 'Authentication fails.' }
    reply(response, !right ? 404 : known ? 200 : 401, body, { 'content-type': 'application/json' })
  })
  pg = await testDatabase()
  const place = { url: portus.url, caFile: null, insecure: false, username: null, token: null }
  api = await startApi(pg, configFor(['reg:5000']).registries, { outside: [], watch: [], portus: place })
  for (const name of ['ann', 'bob', 'Bob', 'bob2', "Ann Marie O'Lee", 'ann:good'])
    await put(api, `users/${name}`, { email: null })
  await put(api, 'users/gone', { email: null, enabled: false })
})
afterAll(async () => {
  await api.close()
  await pg.close()
  await portus.close()
})
beforeEach(() => {
  answers = 'portus'
  asked.length = 0
})

const me = (pair: string) => api.call('GET', 'me', { token: null, headers: { 'portus-auth': pair } })

test('whom Portus knows, and we know, passes; Portus is asked once', async () => {
  for (let i = 0; i < 3; i++) {
    const answer = await me('ann:good')
    expect([answer.status, answer.body.name, answer.body.via]).toEqual([200, 'ann', 'portus'])
  }
  expect(asked).toEqual(['ann:good'])
})

test('with a space in the name too, which Portus has', async () => {
  const answer = await me("Ann Marie O'Lee:good")
  expect([answer.status, answer.body.name]).toEqual([200, "Ann Marie O'Lee"])
})

test.each([
  ['a wrong token', 'ann:bad', 1],
  ['somebody who is not known here', 'stray:good', 0],
  ['somebody who is disabled here', 'gone:good', 0],
  ['another writing of a name, which Portus’ database takes for the same', 'ANN:good', 0],
  ['one of two names that differ in capitals', 'Bob:good', 0],
  ['no token', 'ann:', 0],
  ['no name', ':good', 0],
  ['more than two parts', 'ann:good:more', 0],
  // of which Portus takes the first two
  ['a name with a colon', 'ann:good:good', 0],
  ['two spaces', "Ann  Marie O'Lee:good", 0],
])('%s is refused', async (_, pair, times) => {
  const answer = await me(pair)
  expect([answer.status, answer.body.code]).toEqual([401, 'unauthorized'])
  expect(asked).toHaveLength(times)
})

test('beside a token it is one too many', async () => {
  const answer = await api.call('GET', 'me', { headers: { 'portus-auth': 'ann:good' } })
  expect([answer.status, answer.body.code]).toEqual([400, 'two-credentials'])
  expect(asked).toEqual([])
})

test.each(['broken', 'a web page', 'elsewhere'] as const)(
  'a Portus that is %s says nothing, and is asked again',
  async (how) => {
    answers = how
    for (let i = 1; i <= 2; i++) {
      const answer = await me(`ann:${how.length}good`)
      expect([answer.status, answer.body.code, asked.length]).toEqual([502, 'portus-failed', i])
    }
    expect((await api.call('GET', 'me')).status).toBe(200)
  },
)

test('an answer is kept for its time, and no longer where the clock is set back', async () => {
  let now = 1_000_000
  const check = makePortusCheck({ url: portus.url, caFile: null, insecure: false }, () => now)
  const ask = async (pair: string) => [await check(pair, { name: 'ann', address: '127.0.0.1' }), asked.length]
  expect(await ask('ann:good')).toEqual(['accepted', 1])
  now += 59_000
  expect(await ask('ann:good')).toEqual(['accepted', 1])
  now += 2000
  expect(await ask('ann:good')).toEqual(['accepted', 2])
  now -= 1_000_000
  expect(await ask('ann:good')).toEqual(['accepted', 3])
  expect(await ask('ann:bad')).toEqual(['refused', 4])
  now += 9000
  expect(await ask('ann:bad')).toEqual(['refused', 4])
  now += 2000
  expect(await ask('ann:bad')).toEqual(['refused', 5])
})

test('wrong tokens of one name are refused before Portus is asked; what it accepted goes on', async () => {
  expect((await me('ann:good')).status).toBe(200)
  asked.length = 0
  const statuses = await Promise.all(Array.from({ length: 30 }, async (_, i) => (await me(`bob2:wrong${i}`)).status))
  const refused = statuses.filter((status) => status === 429).length
  expect([statuses.filter((status) => status === 401).length + refused, asked.length + refused]).toEqual([30, 30])
  expect(asked.length).toBeLessThanOrEqual(attemptsAllowed.name)
  const answer = await me('bob2:good')
  expect([answer.status, answer.body.code]).toEqual([429, 'too-many-attempts'])
  expect((await me('ann:good')).status).toBe(200)
})

test('who takes a free name in Portus is nobody here, once Portus says who its people are', async () => {
  await put(api, 'users/ghost', { email: null, admin: true })
  const local = await me('ghost:good')
  expect([local.status, local.body.name, local.body.admin]).toEqual([200, 'ghost', false])
  await pg.sql`insert into people_source (name, kind, registry) values ('p', 'portus-database', 'reg:5000')`
  expect((await me('ghost:good')).status).toBe(401)
  await pg.sql`update people_source set synced_at = now() where name = 'p'`
  expect((await me('ghost:good')).status).toBe(401)
  await pg.sql`insert into person_said (source, name) values ('p', 'ghost')`
  expect((await me('ghost:good')).body).toMatchObject({ name: 'ghost', admin: false })
  await pg.sql`update person_said set admin = true where source = 'p'`
  expect((await me('ghost:good')).body).toMatchObject({ name: 'ghost', admin: true })
  await pg.sql`update people_source set kind = 'file' where name = 'p'`
  expect((await me('ghost:good')).body).toMatchObject({ name: 'ghost', admin: false })
})

test('a Portus that is a source and was not read yet, or is read in another way now, says nobody anew', async () => {
  const sourced = (kind: 'portus-api' | 'portus-database') => {
    const source = { name: 'portus', kind } as Config['peopleSources'][number]
    return { ...testDeps(pg), config: configFor(['reg:5000'], { peopleSources: [source] }) }
  }
  const found = async (d: ReturnType<typeof sourced>, name: string) =>
    (await portusPrincipal(d, async () => 'accepted', `${name}:t`, '127.0.0.1'))?.name ?? null
  await pg.sql`delete from people_source`
  for (const name of ['ops', 'said']) await put(api, `users/${name}`, { email: null })
  const [before, after] = [sourced('portus-api'), sourced('portus-database')]
  expect(await found(before, 'ops')).toBeNull()
  await introduceSources(before)
  expect(await found(before, 'ops')).toBeNull()
  await pg.sql`insert into person_said (source, name) values ('portus', 'said')`
  await pg.sql`update people_source set synced_at = now()`
  expect([await found(before, 'ops'), await found(before, 'said')]).toEqual([null, 'said'])
  await introduceSources(after)
  expect([await found(after, 'ops'), await found(after, 'said')]).toEqual([null, 'said'])
})
