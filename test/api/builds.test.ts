import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { startApi, type TestApi } from './start-api.ts'

let pg: TestDatabase
let api: TestApi
beforeAll(async () => {
  pg = await testDatabase()
  api = await startApi(pg)
  for (const ref of ['app/run:1', 'app/tool:1', 'app/third:1'])
    await api.call('PUT', `recipes/${encodeURIComponent(ref)}`, { body: { strategy: 'rebase' } })
})
afterAll(async () => {
  await api.close()
  await pg.close()
})

const post = async (ref: string, note?: string) =>
  api.call('POST', 'builds', { body: { ref, ...(note === undefined ? {} : { note }) } })

/** A build that was made, as the build service leaves it. */
async function ended(state: 'succeeded' | 'failed', log: readonly string[]): Promise<string> {
  const steps = [{ name: 'push', startedAt: '2026-01-01T00:00:00.000Z', finishedAt: null, error: null }]
  const [row] = await pg.sql<{ id: string }[]>`
    insert into build (ref, key, state, builder, reason, recipe, created_at, started_at, finished_at, steps, digest, bases, error)
    values ('reg:5000/app/old:1', 'k', ${state}, 'rebase', ${pg.sql.json({ kind: 'base-moved', base: 'b', from: 'f', to: 't' })}, '{}',
      now() - interval '1 day', now(), now(), ${pg.sql.json(steps)}, 'sha256:d',
      ${pg.sql.json([{ name: 'b', digest: 'sha256:b', role: 'runtime' }])},
      ${state === 'failed' ? pg.sql.json({ code: 'still-outdated', message: 'm' }) : null})
    returning id`
  for (const [seq, text] of log.entries()) await addLog(row!.id, seq, text)
  return row!.id
}
const addLog = (id: string, seq: number, text: string) =>
  pg.sql`insert into build_log (build_id, seq, at, text) values (${id}, ${seq}, now(), ${text})`

test('a build is queued once, in the shape that is promised', async () => {
  const first = await post('app/run:1', 'because')
  expect([first.status, first.body.state]).toEqual([201, 'queued'])
  expect(first.body).toMatchObject({
    ref: 'reg:5000/app/run:1',
    note: 'because',
    digest: null,
    commit: null,
    steps: [],
  })
  expect(first.body.reason).toEqual({ kind: 'manual', base: null, from: null, to: null, plan: null })
  expect(Object.keys(first.body)).toEqual(
    expect.arrayContaining(
      'id ref state builder reason createdAt startedAt finishedAt steps commit digest error'.split(' '),
    ),
  )
  const again = await post('reg:5000/app/run:1')
  expect([again.status, again.body.id]).toEqual([200, first.body.id])
  expect(await api.get(`builds/${first.body.id}`)).toEqual(again.body)
})

test.each([
  ['app/none:1', 409, 'no-recipe'],
  ['other.example:5000/x:1', 404, 'no-such-registry'],
  ['App/Run:1', 400, 'bad-request'],
  ['', 400, 'bad-request'],
])('a build of %j is %i %s', async (ref, status, code) => {
  const answer = await post(ref)
  expect([answer.status, answer.body.code]).toEqual([status, code])
})

test('builds are listed newest first, by tag and state, page after page', async () => {
  await post('app/tool:1')
  const old = await ended('failed', [])
  const all = (await api.get('builds')).items
  expect(all.at(-1)).toMatchObject({ id: old, error: { code: 'still-outdated' }, reason: { kind: 'base-moved' } })
  expect((await api.get('builds?state=failed')).items.map((b) => b.id)).toEqual([old])
  expect((await api.get('builds?ref=app/tool:1')).items).toHaveLength(1)
  expect((await api.get('builds?ref=other.example:5000/x:1')).items).toEqual([])
  const paged: unknown[] = []
  for (let next: string | null = ''; next !== null; ) {
    const page: { items: unknown[]; next: string | null } = await api.get(`builds?limit=1${next}`)
    paged.push(...page.items)
    next = page.next === null ? null : `&cursor=${page.next}`
  }
  expect(paged).toEqual(all)
})

test('a build is cancelled once', async () => {
  const { id } = (await post('app/third:1')).body
  const cancelled = await api.call('POST', `builds/${id}/cancel`)
  expect([cancelled.status, cancelled.body.state, cancelled.body.error.code]).toEqual([202, 'cancelled', 'cancelled'])
  expect((await api.call('POST', `builds/${id}/cancel`)).body.code).toBe('build-over')
})

test.each([
  'builds/x',
  `builds/${crypto.randomUUID()}`,
  'builds/x/logs',
  `builds/${crypto.randomUUID()}/logs?follow=1`,
])('%s is not known', async (path) => {
  const answer = await api.call('GET', path)
  expect([answer.status, answer.body.code]).toEqual([404, 'no-such-build'])
})

test('a log as text and as events, which go on where they broke off', async () => {
  const id = await ended('succeeded', ['one\ntwo\r\n', 'a\rb\u2028c', 'end\n'])
  const text = await api.call('GET', `builds/${id}/logs`)
  expect([text.text, text.headers.get('content-type')]).toEqual([
    'one\ntwo\r\na\rb\u2028cend\n',
    'text/plain; charset=utf-8',
  ])
  expect((await api.call('GET', `builds/${id}/logs?follow=1`)).text).toBe(text.text)
  expect((await api.call('HEAD', `builds/${id}/logs?follow=1`)).status).toBe(200)
  expect((await api.call('GET', `builds/${id}/logs?follow=maybe`)).status).toBe(400)
  const events = (headers: Record<string, string> = {}) =>
    api.call('GET', `builds/${id}/logs`, { headers: { accept: 'text/event-stream', ...headers } })
  const whole = await events()
  expect(whole.headers.get('content-type')).toMatch(/^text\/event-stream/)
  // neither held back nor compressed on the way
  expect(whole.headers.get('cache-control')).toBe('no-store, no-transform')
  expect(whole.headers.get('x-accel-buffering')).toBe('no')
  const chunks = [
    'id: 1\ndata: one\ndata: two\ndata: \n\n',
    'id: 2\ndata: a\ndata: b\u2028c\n\n',
    'id: 3\ndata: end\ndata: \n\n',
  ]
  const end = 'event: end\ndata: succeeded\n\n'
  expect(whole.text).toBe(chunks.join('') + end)
  expect((await events({ 'last-event-id': '2' })).text).toBe(chunks[2] + end)
  expect((await events({ 'last-event-id': '3' })).text).toBe(end)
  for (const strange of ['-1', 'x', '9'.repeat(30)])
    expect((await events({ 'last-event-id': strange })).text).toBe(whole.text)
})

test('a log that is silent says that it lives, and a reader who goes ends it', async () => {
  const { id } = (await post('app/tool:1')).body
  await pg.sql`update build set state = 'running', started_at = now() where id = ${id}`
  const headers = { authorization: `Bearer ${api.token}`, accept: 'text/event-stream' }
  const gone = new AbortController()
  const response = await fetch(`${api.url}/api/v1/builds/${id}/logs?follow=1`, { headers, signal: gone.signal })
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
  expect((await reader.read()).value).toBe(':\n\n')
  gone.abort()
  await expect(reader.read()).rejects.toThrow()
  await pg.sql`update build set state = 'cancelled', finished_at = now() where id = ${id}`
})

test.each(['text/plain', 'text/event-stream'])(
  'a growing log is followed to the end of the build, as %s',
  async (accept) => {
    const { id } = (await post('app/tool:1')).body
    await pg.sql`update build set state = 'running', started_at = now() where id = ${id}`
    await addLog(id, 0, 'first\n')
    const headers = { authorization: `Bearer ${api.token}`, accept }
    const notFollowed = await fetch(`${api.url}/api/v1/builds/${id}/logs`, { headers })
    expect(await notFollowed.text()).toContain('first\n')
    const response = await fetch(`${api.url}/api/v1/builds/${id}/logs?follow=1`, { headers })
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
    let read = ''
    const until = async (text: string) => {
      while (!read.includes(text)) {
        const { done, value } = await reader.read()
        if (done) throw new Error(`ended at ${read}`)
        read += value
      }
    }
    await until('first')
    await addLog(id, 1, 'second\n')
    await until('second')
    await pg.sql`update build set state = 'failed', finished_at = now(), error = '{"code":"c","message":"m"}' where id = ${id}`
    for (let more = await reader.read(); !more.done; more = await reader.read()) read += more.value
    expect(read).toContain(accept === 'text/plain' ? 'first\nsecond\n' : 'event: end\ndata: failed\n\n')
  },
)
