import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { getMail, listMails } from '../../src/notify/mails.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
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

test.each(['', 'x', "'; drop table mail"])('%j is no mail, and no page', async (id) => {
  expect(await getMail(pg, id)).toBeNull()
  expect(await listMails(pg, { cursor: id, limit: 10 })).toEqual({ items: [], next: null })
})
