import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { forgetMails } from '../../src/notify/forget-mails.ts'
import { getMail, listMails } from '../../src/notify/mails.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { configFor } from './config.ts'
import { addMember, wipe } from './flags.ts'
import { addMail } from './outbox.ts'

let pg: TestDatabase
beforeAll(async () => {
  pg = await testDatabase()
})
beforeEach(async () => {
  await wipe(pg.sql)
  await pg.sql`truncate notify_person`
})
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

describe('what was not sent is read with us by who may be sent it now', () => {
  const hush = 'r.test/hush/base:1'
  const run = 'r.test/app/run:1'
  const loses = (role: 'hush' | 'app') => pg.sql`delete from member where user_name = 'ada' and namespace_key = ${role}`
  let id: string
  beforeEach(async () => {
    await addMember(pg.sql, 'app', 'ada', { role: 'contributor' })
    await addMember(pg.sql, 'hush', 'ada', { role: 'viewer' })
    id = await addMail(pg.sql)
    await pg.sql`update mail set named = '{hush}', error = 'why' where id = ${id}`
    await pg.sql`
      insert into notice (kind, user_name, namespace, ref, root, content, mail_id) values ('failed', 'ada', 'app', ${run}, ${hush}, '{}', ${id})`
  })
  const read = async (user?: string) => {
    const [listed] = (await listMails(pg, { ...(user === undefined ? {} : { user }), cursor: null, limit: 10 })).items
    const { subject, text, html, refs } = (await getMail(pg, id, user))!
    expect([listed!.subject, listed!.text]).toEqual([subject, text])
    return [subject, text, html, ...refs]
  }
  const whole = ['subject', 'text', '<p>html</p>', run]
  const bare = ['(withheld)', '', '']

  test.each<[string, () => Promise<unknown>, string[]]>([
    ['who hears of it and may read its names: whole', async () => {}, whole],
    ['who may not read a name in it any more: nothing of it', () => loses('hush'), bare],
    ['who looks after its tags no more: nothing of it', () => loses('app'), bare],
    [
      'who may read these still, and is told of them no more: nothing of it',
      () => pg.sql`update member set role = 'viewer'`,
      bare,
    ],
    [
      'who wants no mails: whole',
      () => pg.sql`insert into notify_person (user_name, every) values ('ada', 'off')`,
      whole,
    ],
  ])('%s', async (_who, change, seen) => {
    await change()
    expect(await read('ada')).toEqual(seen)
    await pg.sql`update mail set state = 'kept'`
    expect(await read('ada')).toEqual(seen)
    expect(await read()).toEqual(whole)
    await pg.sql`update mail set state = 'sent', sent_at = ${now}`
    expect(await read('ada')).toEqual(whole)
  })

  test('of one that was taken back nobody’s but admins’; why it was stays', async () => {
    await pg.sql`update notice set mail_id = null`
    await pg.sql`update mail set state = 'failed'`
    expect(await read('ada')).toEqual(bare)
    expect(await getMail(pg, id, 'ada')).toMatchObject({ state: 'failed', error: 'why' })
    expect(await read()).toEqual(whole.slice(0, 3))
    const error = 'not sent: r.test/app/run:1 is not outdated any more'
    await pg.sql`update mail set error = ${error}`
    expect(await getMail(pg, id, 'ada')).toMatchObject({ error: 'not sent: it was taken back' })
    expect(await getMail(pg, id)).toMatchObject({ error })
  })

  test('what is another’s at the same address: by who may read it, words of builds by who is told of them', async () => {
    await pg.sql`insert into notice (user_name, namespace, ref, root, content, mail_id) values ('bob', 'web', 'r.test/web/site:1', 'x', '{}', ${id})`
    expect(await read('ada')).toEqual(bare)
    await addMember(pg.sql, 'web', 'ada', { role: 'viewer' })
    expect(await read('ada')).toEqual([...whole, 'r.test/web/site:1'])
    await pg.sql`update notice set kind = 'failed'`
    expect(await read('ada')).toEqual(bare)
  })
})
