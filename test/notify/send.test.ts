import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { makeMailer } from '../../src/notify/mailer.ts'
import { getMail, listMails } from '../../src/notify/mails.ts'
import { backOff, send } from '../../src/notify/send.ts'
import { testDeps } from '../support/deps.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { type SmtpServer, smtpServer } from '../support/smtp.ts'
import { configFor } from './config.ts'
import { wipe } from './flags.ts'

let pg: TestDatabase
let smtp: SmtpServer
beforeAll(async () => {
  ;[pg, smtp] = await Promise.all([testDatabase(), smtpServer()])
})
beforeEach(async () => {
  await wipe(pg.sql)
  smtp.received.length = 0
  smtp.refuse.clear()
})
afterAll(() => Promise.all([pg.close(), smtp.close()]))

const now = new Date('2026-11-21T03:00:00.000Z')
const deps = (more: { smtpUrl?: string | null; observe?: boolean } = {}) => {
  const config = configFor(['r.test'], { smtpUrl: smtp.url, ...more })
  return { ...testDeps(pg), clock: () => now, config, mailer: makeMailer(config) }
}

async function addMail(to = 'ada@example.org', createdAt = new Date('2026-11-21T02:59:00Z')): Promise<string> {
  const id = randomUUID()
  await pg.sql`
    insert into mail (id, message_id, user_name, "to", subject, text, html, state, created_at)
    values (${id}, ${`<${id}@example.org>`}, 'ada', ${to}, 'subject', 'text', '<p>html</p>', 'pending', ${createdAt})`
  return id
}
const jobs = () =>
  pg.sql<{ key: string; runAt: Date }[]>`select key, run_at from graphile_worker._private_jobs order by key`

test('a mail is sent once, under its own Message-ID, with the time it was written', async () => {
  const id = await addMail()
  await send(deps(), id)
  await send(deps(), id)
  expect(smtp.received).toHaveLength(1)
  expect(smtp.received[0]!.mail).toMatchObject({ messageId: `<${id}@example.org>`, date: '2026-11-21T02:59:00.000Z' })
  expect(await getMail(pg, id)).toMatchObject({ state: 'sent', sentAt: now, attempts: 1, error: null, nextTryAt: null })
})

test('two jobs of one mail at the same time send it once', async () => {
  const id = await addMail()
  await Promise.all([send(deps(), id), send(deps(), id)])
  expect(smtp.received).toHaveLength(1)
})

test('a refused recipient is a failed mail with its reason, and no other is held up', async () => {
  smtp.refuse.set('gone@example.org', 550)
  const [refused, fine] = [await addMail('gone@example.org'), await addMail()]
  await Promise.all([send(deps(), refused), send(deps(), fine)])
  expect(await getMail(pg, refused)).toMatchObject({
    state: 'failed',
    attempts: 1,
    nextTryAt: null,
    sentAt: null,
    error: expect.stringContaining('550'),
  })
  expect(await getMail(pg, fine)).toMatchObject({ state: 'sent' })
  expect(await jobs()).toEqual([])
})

describe('what may be mended is tried again, later', () => {
  test('a recipient refused for now', async () => {
    smtp.refuse.set('ada@example.org', 450)
    const id = await addMail()
    await send(deps(), id)
    const minute = new Date(now.getTime() + 60_000)
    expect(await getMail(pg, id)).toMatchObject({
      state: 'pending',
      attempts: 1,
      nextTryAt: minute,
      error: expect.stringContaining('450'),
    })
    expect(await jobs()).toEqual([{ key: `mail:${id}`, runAt: minute }])
    await send(deps(), id)
    expect(await jobs()).toEqual([{ key: `mail:${id}`, runAt: new Date(now.getTime() + 120_000) }])
    smtp.refuse.clear()
    await send(deps(), id)
    expect(await getMail(pg, id)).toMatchObject({ state: 'sent', attempts: 3, error: null })
  })

  test('an exchange cut after the mail was handed over: the same Message-ID comes again', async () => {
    smtp.cutAfterData.times = 1
    const id = await addMail()
    await send(deps(), id)
    expect(await getMail(pg, id)).toMatchObject({ state: 'pending', attempts: 1 })
    await send(deps(), id)
    expect(smtp.received.map(({ mail }) => mail.messageId)).toEqual(Array(2).fill(`<${id}@example.org>`))
    expect(await getMail(pg, id)).toMatchObject({ state: 'sent' })
  })

  test('SIGKILL inside the exchange: the mail is as it was, and comes again under the same Message-ID', async () => {
    smtp.silentAfterData.times = 1
    const id = await addMail()
    const child = spawn(process.execPath, [join(import.meta.dirname, 'send-one.ts'), pg.url, smtp.url, id], {
      stdio: 'inherit',
    })
    const gone = once(child, 'exit')
    while (smtp.received.length === 0 && child.exitCode === null) await delay(20)
    expect(await getMail(pg, id)).toMatchObject({ state: 'pending', attempts: 0 })
    child.kill('SIGKILL')
    expect((await gone)[1]).toBe('SIGKILL')
    await send(deps(), id)
    expect(smtp.received.map(({ mail }) => mail.messageId)).toEqual(Array(2).fill(`<${id}@example.org>`))
    expect(await getMail(pg, id)).toMatchObject({ state: 'sent', attempts: 1 })
  })

  test.each([
    [1, 1],
    [2, 2],
    [3, 4],
    [6, 32],
    [7, 60],
    [2000, 60],
  ])('after %d tries, %d minutes', (attempts, minutes) => {
    expect(backOff(attempts)).toBe(minutes * 60_000)
  })
})

test.each([
  ['without SMTP_URL', { smtpUrl: null }],
  ['where Drydock only observes', { observe: true }],
])('%s a mail is kept', async (_what, more) => {
  const id = await addMail()
  await send(deps(more), id)
  expect(await getMail(pg, id)).toMatchObject({ state: 'kept', attempts: 0 })
  expect(smtp.received).toEqual([])
})

test('a failure that is no answer of the mail server leaves the mail as it was', async () => {
  const id = await addMail()
  const broken = { send: () => Promise.reject(new TypeError('a fault of ours')) }
  await expect(send({ ...deps(), mailer: broken }, id)).rejects.toThrow('a fault of ours')
  expect(await getMail(pg, id)).toMatchObject({ state: 'pending', attempts: 0 })
})

test('a mail nobody knows is no error', async () => {
  await send(deps(), randomUUID())
  expect(smtp.received).toEqual([])
})

describe('listMails', () => {
  test('newest first, page by page, each once', async () => {
    const ids: string[] = []
    for (let i = 0; i < 5; i++)
      ids.unshift(await addMail('ada@example.org', new Date(now.getTime() + Math.floor(i / 2))))
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
    const [ada, bob] = [await addMail('Ada@example.org'), await addMail('bob@example.org')]
    await send(deps(), bob)
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
})
