import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { forgetMails } from '../../src/notify/forget-mails.ts'
import { getMail, listMails } from '../../src/notify/mails.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { configFor } from './config.ts'
import { wipe } from './flags.ts'
import { addMail } from './outbox.ts'

let pg: TestDatabase
beforeAll(async () => {
  pg = await testDatabase()
})
beforeEach(() => wipe(pg.sql))
afterAll(() => pg.close())

const now = new Date('2026-11-21T03:00:00.000Z')

test('newest first, page by page, each once', async () => {
  const ids: string[] = []
  for (let i = 0; i < 5; i++)
    ids.unshift(await addMail(pg.sql, { createdAt: new Date(now.getTime() + Math.floor(i / 2)) }))
  const seen: string[] = []
  let cursor: string | null = null
  do {
    const page: Awaited<ReturnType<typeof listMails>> = await listMails(pg, { cursor, limit: 2 })
    seen.push(...page.items.map(({ id }) => id))
    cursor = page.next
  } while (cursor !== null)
  expect(seen.toSorted()).toEqual(ids.toSorted())
  expect(seen).toHaveLength(5)
  expect(seen[0]).toBe(ids[0])
})

test('by recipient, whatever the case, and by state', async () => {
  const [ada, bob] = [
    await addMail(pg.sql, { to: 'Ada@example.org' }),
    await addMail(pg.sql, { to: 'bob@example.org' }),
  ]
  await pg.sql`update mail set state = 'sent', sent_at = ${now} where id = ${bob}`
  const ids = async (wanted: { to?: string; state?: 'pending' | 'sent' }) =>
    (await listMails(pg, { ...wanted, cursor: null, limit: 10 })).items.map(({ id }) => id)
  expect(await ids({ to: 'ada@EXAMPLE.org' })).toEqual([ada])
  expect(await ids({ state: 'sent' })).toEqual([bob])
  expect(await ids({ to: 'bob@example.org', state: 'pending' })).toEqual([])
})

test('what old mails said is forgotten: what was sent or kept, neither what waits nor what can be sent again', async () => {
  const [old, recent] = ['2026-08-01T00:00:00Z', '2026-11-01T00:00:00Z'].map((time) => new Date(time)) as [Date, Date]
  const ids: Record<string, string> = {}
  for (const state of ['sent', 'kept', 'failed', 'pending']) {
    const id = await addMail(pg.sql, { createdAt: old })
    ids[state] = id
    await pg.sql`update mail set state = ${state}::mail_state, sent_at = ${state === 'sent' ? old : null} where id = ${id}`
  }
  await addMail(pg.sql, { createdAt: recent })
  const forget = (keepMails: number) =>
    forgetMails({ sql: pg.sql, clock: () => now, config: configFor(['r.test'], { keepMails }) })
  expect(await forget(0)).toBe(0)
  expect([await forget(90), await forget(90)]).toEqual([2, 0])
  const { items } = await listMails(pg, { cursor: null, limit: 10 })
  expect(items.filter(({ text }) => text === '').map(({ id }) => id)).toEqual(
    expect.arrayContaining([ids.sent, ids.kept]),
  )
  expect(items.filter(({ text }) => text !== '')).toHaveLength(3)
  expect(await getMail(pg, ids.sent!)).toMatchObject({ html: '', subject: 'subject', state: 'sent', sentAt: old })
})

test.each(['', 'x', "'; drop table mail"])('%j is no mail, and no page', async (id) => {
  expect(await getMail(pg, id)).toBeNull()
  expect(await listMails(pg, { cursor: id, limit: 10 })).toEqual({ items: [], next: null })
})
