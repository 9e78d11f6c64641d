import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import type { Config } from '../../src/config.ts'
import { connect } from '../../src/db/postgres.ts'
import { webhookRoute } from '../../src/webhook/route.ts'
import { testDeps } from '../support/deps.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'

const digest = (c: string) => `sha256:${c.repeat(64)}`
const push = (id: string, more: object = {}) => ({
  id,
  timestamp: '2026-11-21T02:57:42.791564102Z',
  action: 'push',
  target: {
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    digest: digest('a'),
    repository: 'lib/base',
    tag: '1',
    ...more,
  },
})
const registry = (name: string, webhookToken?: string) => ({
  name,
  url: `http://${name}`,
  insecure: false,
  ...(webhookToken ? { webhookToken } : {}),
})

let pg: TestDatabase
let servers: Server[] = []

beforeAll(async () => {
  pg = await testDatabase()
})
beforeEach(async () => {
  await pg.sql`truncate event cascade`
  await pg.sql`delete from graphile_worker._private_jobs`
})
afterAll(async () => {
  for (const server of servers) server.close()
  await pg.close()
})

/** The route on a port of its own, with these registries; answers 404 where the route passes on. */
async function serve(registries: Config['registries'], sql = pg.sql): Promise<string> {
  const route = webhookRoute({ ...testDeps(pg), sql, config: { registries, webhookToken: 'common' } as Config })
  const server = createServer((request, response) => {
    if (!route(request, response)) response.writeHead(404).end()
  })
  servers = [...servers, server]
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/v2/webhooks/events`
}

const post = (url: string, body: unknown, token: string | null = 'common') =>
  fetch(url, {
    method: 'POST',
    body: typeof body === 'string' ? body : JSON.stringify(body),
    headers: token === null ? {} : { authorization: `Bearer ${token}` },
  })
const status = async (answer: Promise<Response>) => (await answer).status
const rows = () =>
  pg.sql<
    { registry: string; eventId: string; outcome: string; reason: string | null; at: bigint; handledAt: Date | null }[]
  >`
    select registry.name as registry, event_id, outcome, reason, at, handled_at
    from event join registry on registry.id = registry_id order by event_id`
const jobs = async () =>
  (
    await pg.sql<{ job: string }[]>`
    select t.identifier || ' ' || coalesce(j.key, '') as job from graphile_worker._private_jobs j
    join graphile_worker._private_tasks t on t.id = j.task_id order by 1`
  ).map((row) => row.job.trim())

describe('with one registry', () => {
  let url: string
  beforeAll(async () => {
    url = await serve([registry('localhost:5000')])
  })

  test('a push is durable with its job before it is acknowledged', async () => {
    expect(await status(post(url, { events: [push('e1')] }))).toBe(202)
    expect(await rows()).toMatchObject([
      {
        registry: 'localhost:5000',
        eventId: 'e1',
        outcome: 'pending',
        reason: null,
        at: 1795229862791564102n,
        handledAt: null,
      },
    ])
    expect(await jobs()).toEqual(['ingest'])
  })

  test('also where the address ends with a slash', async () => {
    const url = await serve([registry('r.test')])
    expect(await status(post(`${url}/`, { events: [push('e1')] }))).toBe(202)
    expect(await rows()).toMatchObject([{ eventId: 'e1', outcome: 'pending' }])
  })

  test('an event is stored and handled once, however often it is sent', async () => {
    const sent = Array.from({ length: 20 }, () => post(url, { events: [push('e1'), push('e1')] }))
    expect(await Promise.all(sent.map(status))).toEqual(sent.map(() => 202))
    expect(await rows()).toHaveLength(1)
    expect(await jobs()).toEqual(['ingest'])
  })

  test('many at once are all there when they are acknowledged', async () => {
    const sent = Array.from({ length: 200 }, (_, i) => post(url, { events: [push(`e${i}`)] }))
    expect(new Set(await Promise.all(sent.map(status)))).toEqual(new Set([202]))
    expect(await rows()).toHaveLength(200)
    expect(await jobs()).toHaveLength(200)
  })

  test('blobs, pulls and mounts write nothing', async () => {
    const events = [
      push('e1', { mediaType: 'application/octet-stream', tag: undefined }),
      { ...push('e2'), action: 'pull' },
      { ...push('e3'), action: 'mount' },
    ]
    expect(await status(post(url, { events }))).toBe(202)
    expect(await rows()).toHaveLength(0)
  })

  test('what cannot be used is stored with its reason, and its tag is looked at', async () => {
    expect(
      await status(post(url, { events: [push('e1', { digest: 'x' }), push('e2'), push('e3', { tag: '?' })] })),
    ).toBe(202)
    expect(await rows()).toMatchObject([
      { eventId: 'e1', outcome: 'ignored', reason: 'bad-digest', handledAt: expect.any(Date) },
      { eventId: 'e2', outcome: 'pending' },
      { eventId: 'e3', outcome: 'ignored', reason: 'bad-tag' },
    ])
    expect(await jobs()).toEqual(['ingest', 'look look:localhost:5000/lib/base:1'])
  })

  test.each([
    ['no JSON', 'hello'],
    ['no envelope', '{"hello":1}'],
    ['nothing', ''],
    ['NULs', '\0\0'],
  ])('a body with %s is recorded, and the registry is reconciled', async (_, body) => {
    expect(await status(post(url, body))).toBe(202)
    expect(await status(post(url, body))).toBe(202)
    expect(await rows()).toMatchObject([
      { outcome: 'ignored', reason: 'not-an-envelope', eventId: expect.stringMatching(/^body:/) },
    ])
    expect(await jobs()).toEqual(['reconcile reconcile:localhost:5000'])
  })

  test('a body over 16 MiB is read to its end, recorded, and the registry is reconciled', async () => {
    const body = JSON.stringify({ events: [push('e1', { tag: 'x'.repeat(17 * 1024 * 1024) })] })
    expect(await status(post(url, body))).toBe(202)
    expect(await rows()).toMatchObject([{ outcome: 'ignored', reason: 'too-large' }])
    expect(await jobs()).toEqual(['reconcile reconcile:localhost:5000'])
  })

  test.each([
    ['no token', null],
    ['a wrong one', 'wrong'],
    ['an empty one', ''],
    ['the beginning of it', 'commo'],
  ])('%s: 401, and nothing is read', async (_, token) => {
    expect(await status(post(url, { events: [push('e1')] }, token))).toBe(401)
    expect(await rows()).toHaveLength(0)
  })

  test('another method: 405; another path is passed on', async () => {
    const answer = await fetch(url)
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST'])
    expect(await status(post(`${url}/x`, {}))).toBe(404)
  })

  test('texts that no database takes are cut, and cost the others nothing', async () => {
    const nasty = { ...push('\0x'.repeat(2000)), actor: { name: '\ud800\0' } }
    expect(await status(post(url, { events: [nasty, push('e2')] }))).toBe(202)
    expect((await rows()).map((row) => row.outcome)).toEqual(['pending', 'pending'])
  })
})

describe('with several registries', () => {
  test.each<[string, string, string, number, string | null]>([
    ['its own token', 'token-a', '', 202, 'a:1'],
    ['its own token and name', 'token-b', '?registry=b:2', 202, 'b:2'],
    ['the common token and a name', 'common', '?registry=b:2', 202, 'b:2'],
    ['the common token alone', 'common', '', 401, null],
    ["another's name", 'token-a', '?registry=b:2', 401, null],
    ['a name nobody has', 'common', '?registry=c:3', 401, null],
  ])('%s', async (_, token, query, expected, host) => {
    const url = await serve([registry('a:1', 'token-a'), registry('b:2', 'token-b')])
    expect(await status(post(`${url}${query}`, { events: [push('e1')] }, token))).toBe(expected)
    expect((await rows()).map((row) => row.registry)).toEqual(host === null ? [] : [host])
  })
})

test('without a database: 503, and the next try finds its way', async () => {
  const down = connect('postgres://127.0.0.1:1/nothing', { max: 1 })
  const url = await serve([registry('localhost:5000')], down)
  expect(await status(post(url, { events: [push('e1')] }))).toBe(503)
  expect(await status(post(url, { events: [push('e1')] }, 'wrong'))).toBe(401)
  expect(await status(post(await serve([registry('localhost:5000')]), { events: [push('e1')] }))).toBe(202)
  await down.end({ timeout: 1 })
})

test('without a registry nothing can be stored: 503', async () => {
  expect(await status(post(await serve([]), { events: [push('e1')] }))).toBe(503)
})
