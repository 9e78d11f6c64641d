import { request } from 'node:http'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { builderRoutes } from '../../src/api/builder-service.ts'
import { routes } from '../../src/api/routes.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { startApi, type TestApi } from './start-api.ts'

/** What holds of every call alike, generated from the list of routes. */
let pg: TestDatabase
let api: TestApi
beforeAll(async () => {
  pg = await testDatabase()
  api = await startApi(pg)
})
afterAll(async () => {
  await api.close()
  await pg.close()
})

const values: Record<string, string> = {
  ref: 'a%2Fb%3A1',
  ns: 'a',
  scope: 'a',
  user: 'u',
  name: 'n',
  id: crypto.randomUUID(),
}
const paths = routes.map(
  (r) =>
    [r.method.toUpperCase(), r.path.slice(1).replace(/\{(\w+)\}/g, (_, name: string) => values[name]!), r] as const,
)
const withBody = paths.filter(([, , r]) => r.body)
const lists = paths.filter(([, , r]) => r.query && 'limit' in r.query.shape)

test('no route is forgotten', () => expect([paths.length > 25, lists.length > 6]).toEqual([true, true]))

describe.each(paths)('%s %s', (method, path, r) => {
  test('wants a token, the right one', async () => {
    const none = r.access.need === 'open' ? [] : [null]
    for (const said of [...none, 'Bearer wrong', 'Bearer', `Basic ${api.token}`, `Bearer ${api.token}x`]) {
      const headers: Record<string, string> = said === null ? {} : { authorization: said }
      const answer = await api.call(method, path, { token: null, headers })
      expect([answer.status, answer.body.code]).toEqual([401, 'unauthorized'])
      expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer/)
    }
  })
  test('answers 405 to another method, saying which there are', async () => {
    const answer = await api.call('PATCH', path)
    expect([answer.status, answer.body.code]).toEqual([405, 'method-not-allowed'])
    expect(answer.headers.get('allow')?.split(', ')).toContain(r.method.toUpperCase())
  })
})

describe.each(withBody)('the body of %s %s', (method, path) => {
  test.each([
    ['no JSON', '{"a":', 400, 'bad-request'],
    ['a list', '[]', 400, 'bad-request'],
    ['a text', '"x"', 400, 'bad-request'],
    ['a field nobody knows', '{"nobodyKnows":1}', 400, 'bad-request'],
    ['very deep', `${'['.repeat(200_000)}${']'.repeat(200_000)}`, 400, 'bad-request'],
    ['too large', JSON.stringify({ note: 'x'.repeat(1_100_000) }), 413, 'body-too-large'],
  ])('%s', async (_, raw, status, code) => {
    const answer = await api.call(method, path, { raw })
    expect([answer.status, answer.body.code]).toEqual([status, code])
  })
  test('of another kind', async () => {
    const answer = await api.call(method, path, { raw: 'a=1', headers: { 'content-type': 'text/plain' } })
    expect([answer.status, answer.body.code]).toEqual([415, 'not-json'])
  })
  test('broken compression, and a bomb', async () => {
    const headers = { 'content-encoding': 'gzip' }
    expect((await api.call(method, path, { raw: 'no gzip', headers })).body.code).toBe('bad-request')
    const bomb = gzipSync(Buffer.alloc(50_000_000, 0x20))
    expect((await api.call(method, path, { raw: bomb, headers })).body.code).toBe('body-too-large')
  })
})

describe.each(lists)('the list %s %s', (method, path) => {
  // what a channel was sent can be asked for where there is a channel
  beforeAll(async () => {
    if (!path.includes('/channels/')) return
    await pg.sql`insert into namespace (key) values ('a')`
    await pg.sql`
      insert into channel (namespace_key, name, kind, sealed, events, created_at) values ('a', 'n', 'slack', '', '{outdated}', now())`
  })
  afterAll(() => pg.sql`truncate channel, namespace cascade`)
  const cursor = (key: unknown) => `cursor=${Buffer.from(JSON.stringify(key)).toString('base64url')}`
  test.each([
    ...['limit=0', 'limit=-1', 'limit=501', 'limit=99999999999999999999', 'limit=1.5', 'limit=many', 'limit='],
    ...['limit=1&limit=2', 'cursor=', 'cursor=!!', 'cursor=e30', `cursor=${'a'.repeat(3000)}`, cursor([1])],
    ...[cursor(['a\0b']), cursor(['\ud800']), cursor(['9'.repeat(19), 'x', 'y']), cursor({ toString: 1 })],
  ])('refuses %s', async (query) => {
    const answer = await api.call(method, `${path}?${query}`)
    expect([answer.status, answer.body.code]).toEqual([400, 'bad-request'])
  })
  test('takes any cursor of the right form', async () => {
    const time = '2024-01-01T00:00:00.000Z'
    for (const key of [
      ['x'],
      [time, crypto.randomUUID()],
      ['9223372036854775807', 'x'],
      ['9223372036854775808', 'x'],
      ['0000-01-01T00:00:00Z', crypto.randomUUID()],
    ])
      expect([200, 400]).toContain((await api.call(method, `${path}?${cursor(key)}`)).status)
  })
  test('is empty and has no next page', async () => {
    expect(await api.get(path)).toEqual({ items: [], next: null })
  })
})

test('texts that cannot be stored are refused', async () => {
  const put = (raw: string) => api.call('PUT', 'recipes/a%2Fb%3A1', { raw })
  for (const text of ['\\u0000', '\\ud800']) {
    const answer = await put(`{"strategy":"rebase","args":{"A":"x${text}"}}`)
    expect([answer.status, answer.body.code]).toEqual([400, 'bad-request'])
    const build = await api.call('POST', 'builds', { raw: `{"ref":"a/b:1","note":"${text}"}` })
    expect([build.status, build.body.errors]).toEqual([400, [{ path: 'note', message: expect.any(String) }]])
  }
})

test('the document is served, without a token, as it is generated', async () => {
  const answer = await api.call('GET', 'openapi.json', { token: null })
  expect(answer.status).toBe(200)
  const calls = Object.entries(answer.body.paths).flatMap(([path, on]) => Object.keys(on).map((m) => `${m} ${path}`))
  for (const r of routes) expect(calls).toContain(`${r.method} /api/v1${r.path}`)
  expect(calls).toHaveLength(routes.length + builderRoutes.length + 8)
})

test('what is not there', async () => {
  for (const path of ['/', '/api', '/api/v2/tags', '/v2/'])
    expect((await api.call('GET', path)).body).toMatchObject({ code: 'no-such-route', status: 404 })
  expect((await api.call('GET', 'nothing')).body.code).toBe('no-such-route')
  expect((await api.call('POST', '/healthz')).body.code).toBe('no-such-route')
})

test('HEAD is GET without a body; OPTIONS says what there is', async () => {
  const head = await api.call('HEAD', 'tags')
  expect([head.status, head.text]).toEqual([200, ''])
  const options = await api.call('OPTIONS', 'tags')
  expect([options.status, options.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
})

test('a path that only a raw client can send', async () => {
  const status = await new Promise((resolve, reject) =>
    request(`${api.url}`, { path: '/api/v1/tags/%', headers: { authorization: `Bearer ${api.token}` } }, (answer) => {
      answer.resume().on('end', () => resolve(answer.statusCode))
    })
      .on('error', reject)
      .end(),
  )
  expect(status).toBe(400)
})
