import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { type Loose, startApi, type TestApi } from './start-api.ts'

let pg: TestDatabase
let api: TestApi
beforeAll(async () => {
  pg = await testDatabase()
  api = await startApi(pg)
  await pg.sql`insert into registry (name) values ('reg:5000')`
  await pg.sql`insert into person (name, email) values ('ann', 'ann@example.org')`
  // Many of one instant: only the id then tells one from the next.
  await pg.sql`
    insert into event (registry_id, event_id, action, repository, tag, digest, media_type, at, received_at, outcome, reason, error, attempts)
    select r.id, 'e' || i, 'push', 'lib/base', '1', 'sha256:d', 'm', 1700000000123456789, '2026-01-01T00:00:00Z',
      (case when i % 3 = 0 then 'failed' when i % 3 = 1 then 'ignored' else 'handled' end)::event_outcome,
      case when i % 3 = 1 then 'why' end,
      case when i % 3 = 0 then '{"code":"registry-down","message":"m"}'::jsonb end, 1
    from registry r, generate_series(1, 7) i`
  await pg.sql`
    insert into mail (message_id, user_name, "to", subject, text, html, state, created_at)
    select '<' || i || '@x>', 'ann', 'ann@example.org', 's', 't', '<p>', (case when i = 1 then 'sent' else 'kept' end)::mail_state,
      '2026-01-01T00:00:00Z' from generate_series(1, 5) i`
})
afterAll(async () => {
  await api.close()
  await pg.close()
})

const pages = async (path: string): Promise<Loose[]> => {
  const found: Loose[] = []
  for (let next: string | null = ''; next !== null; ) {
    const page: Loose = await api.get(`${path}${path.includes('?') ? '&' : '?'}limit=2${next}`)
    found.push(...page.items)
    next = page.next === null ? null : `&cursor=${page.next}`
  }
  return found
}

test.each(['events', 'mails', 'events?outcome=ignored', 'mails?state=kept&to=ANN@example.org'])(
  '%s page after page',
  async (path) => {
    const whole = (await api.get(path)).items
    expect(whole.length).toBeGreaterThan(1)
    expect(await pages(path)).toEqual(whole)
  },
)

test('an event says what became of it, and is handled again when asked', async () => {
  const [failed] = (await api.get('events?outcome=failed')).items
  expect(failed).toMatchObject({
    ...{ registry: 'reg:5000', action: 'push', repository: 'lib/base', tag: '1', at: '2023-11-14T22:13:20.123Z' },
    ...{ error: { code: 'registry-down', message: 'm' }, attempts: 1, handledAt: null },
  })
  const replayed = await api.call('POST', `events/${failed!.id}/replay`)
  expect([replayed.status, replayed.text]).toEqual([202, ''])
  expect((await api.get('events?outcome=pending')).items.map((event) => event.id)).toEqual([failed!.id])
  const jobs = await pg.sql`select 1 from graphile_worker.jobs where task_identifier = 'ingest'`
  expect(jobs).toHaveLength(1)
  const [ignored] = (await api.get('events?outcome=ignored')).items
  expect((await api.call('POST', `events/${ignored!.id}/replay`)).body.code).toBe('not-replayable')
  for (const id of ['x', crypto.randomUUID()])
    expect((await api.call('POST', `events/${id}/replay`)).body).toMatchObject({ status: 404, code: 'no-such-event' })
  expect((await api.call('GET', 'events?outcome=lost')).status).toBe(400)
})

test('a mail is shown whole', async () => {
  const [sent, ...more] = (await api.get('mails?state=sent')).items
  expect([sent!.to, more]).toEqual(['ann@example.org', []])
  expect(await api.get(`mails/${sent!.id}`)).toEqual({ ...sent, html: '<p>', refs: [] })
  for (const id of ['x', crypto.randomUUID()])
    expect((await api.call('GET', `mails/${id}`)).body).toMatchObject({ status: 404, code: 'no-such-mail' })
  expect((await api.get('mails?to=nobody@example.org')).items).toEqual([])
})

test('a mail that waits is tried now when asked; one that was sent or kept is not', async () => {
  const [waiting] = await pg.sql<{ id: string }[]>`
    insert into mail (message_id, user_name, "to", subject, text, html, state, next_try_at)
    values ('<w@x>', 'ann', 'ann@example.org', 's', 't', '<p>', 'pending', '2999-01-01T00:00:00Z') returning id`
  const sent = await api.call('POST', `mails/${waiting!.id}/send`)
  expect([sent.status, sent.text]).toEqual([202, ''])
  expect((await api.get(`mails/${waiting!.id}`)).nextTryAt).toBeNull()
  for (const state of ['sent', 'kept']) {
    const [mail] = (await api.get(`mails?state=${state}`)).items
    expect((await api.call('POST', `mails/${mail!.id}/send`)).body).toMatchObject({
      status: 409,
      code: 'not-replayable',
    })
  }
  for (const id of ['x', crypto.randomUUID()])
    expect((await api.call('POST', `mails/${id}/send`)).body).toMatchObject({ status: 404, code: 'no-such-mail' })
})

test('a reconcile of a registry nobody configured', async () => {
  const answer = await api.call('POST', 'reconcile', { body: { registry: 'nobody' } })
  expect([answer.status, answer.body.code]).toEqual([404, 'no-such-registry'])
})
