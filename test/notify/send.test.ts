import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { beforeEach, describe, expect, test } from '@jest/globals'
import type { Mailer } from '../../src/notify/mailer.ts'
import { getMail } from '../../src/notify/mails.ts'
import { backOff } from '../../src/notify/refuse-mail.ts'
import { send, sendLane } from '../../src/notify/send.ts'
import { sendAgain } from '../../src/notify/send-again.ts'
import { addMember } from './flags.ts'
import { mailWorld } from './mail-world.ts'
import { addMail } from './outbox.ts'

const world = await mailWorld()
const { pg, smtp, mailer, clock, later, sendAll } = world
beforeEach(async () => {
  for (const name of ['ada', 'bob', 'gone']) await addMember(pg.sql, 'app', name)
})

const deps = ({ without, ...more }: { observe?: boolean; without?: true } = {}) => ({
  ...world.deps(more),
  ...(without ? { mailer: null } : {}),
})
const jobs = () =>
  pg.sql<{ key: string; runAt: Date }[]>`select key, run_at from graphile_worker._private_jobs order by run_at, key`
const faults = () => pg.sql`select address, message, refusals, since, next_try_at from address_fault order by address`

test('a mail is sent once, under its own Message-ID, with the time it was written', async () => {
  const id = await addMail(pg.sql)
  await send(deps(), id)
  await send(deps(), id)
  expect(smtp.received).toHaveLength(1)
  expect(smtp.received[0]!.mail).toMatchObject({ messageId: `<${id}@example.org>`, date: '2026-11-21T02:59:00.000Z' })
  expect(await getMail(pg, id)).toMatchObject({
    state: 'sent',
    sentAt: clock.now,
    attempts: 1,
    error: null,
    nextTryAt: null,
  })
})

test('two jobs of one mail at the same time send it once', async () => {
  const id = await addMail(pg.sql)
  await Promise.all([send(deps(), id), send(deps(), id)])
  expect(smtp.received).toHaveLength(1)
})

test('all that waits is sent, each mail once, whatever lane it is in', async () => {
  const ids = await Promise.all(Array.from({ length: 25 }, () => addMail(pg.sql)))
  await Promise.all([sendAll(), sendAll()])
  expect(smtp.received.map(({ mail }) => mail.messageId).toSorted()).toEqual(
    ids.map((id) => `<${id}@example.org>`).toSorted(),
  )
})

describe('an address that is refused', () => {
  const hours = (count: number) => new Date(clock.now.getTime() + count * 3_600_000)

  test('is recorded, tried again later and later, and given up after five days; no other is held up', async () => {
    smtp.refuse.set('gone@example.org', 550)
    const refused = await addMail(pg.sql, { to: 'gone@example.org', user: 'gone' })
    const fine = await addMail(pg.sql)
    await sendAll()
    expect(await getMail(pg, fine)).toMatchObject({ state: 'sent' })
    const error = expect.stringContaining('550')
    expect(await getMail(pg, refused)).toMatchObject({ state: 'pending', attempts: 1, error, nextTryAt: hours(1) })
    expect(await faults()).toEqual([
      { address: 'gone@example.org', message: error, refusals: 1, since: clock.now, nextTryAt: hours(1) },
    ])
    expect((await jobs()).map(({ runAt }) => runAt)).toEqual([hours(1)])
    const waits: number[] = []
    for (let mail = await getMail(pg, refused); mail?.nextTryAt; mail = await getMail(pg, refused)) {
      waits.push((mail.nextTryAt.getTime() - clock.now.getTime()) / 3_600_000)
      clock.now = mail.nextTryAt
      await sendAll()
    }
    expect(waits).toEqual([1, 2, 4, 8, 16, 24, 24, 24, 24])
    expect(await getMail(pg, refused)).toMatchObject({ state: 'failed', error, nextTryAt: null, sentAt: null })
    expect(smtp.received).toHaveLength(1)
  })

  test('is not tried with another mail before it is time; taken once, it is none any more', async () => {
    smtp.refuse.set('Gone@example.org', 550)
    await send(deps(), await addMail(pg.sql, { to: 'Gone@example.org', user: 'gone' }))
    smtp.refuse.clear()
    const second = await addMail(pg.sql, { to: 'gone@EXAMPLE.org', user: 'gone' })
    await send(deps(), second)
    expect(await getMail(pg, second)).toMatchObject({ state: 'pending', attempts: 0, nextTryAt: hours(1) })
    expect(smtp.received).toEqual([])
    later(3600)
    await sendAll()
    expect(smtp.received).toHaveLength(2)
    expect(await faults()).toEqual([])
  })

  test('by a clock that was years ahead holds up nothing when that is right again', async () => {
    smtp.refuse.set('gone@example.org', 550)
    const id = await addMail(pg.sql, { to: 'gone@example.org', user: 'gone' })
    later(1e8)
    await sendAll()
    smtp.refuse.clear()
    later(-1e8)
    await sendAll()
    expect(await getMail(pg, id)).toMatchObject({ state: 'sent' })
  })
})

test.each([
  ['a mail with a line break in its address', 'ada@example.org\r\nBcc: eve@example.org'],
  ['a mail with two addresses', 'ada@example.org, eve@example.org'],
])('%s goes to nobody else', async (_what, to) => {
  await pg.sql`update person set email = ${to} where name = 'ada'`
  const id = await addMail(pg.sql, { to })
  await send(deps(), id)
  for (const { to: recipients, mail } of smtp.received) {
    expect(recipients).toEqual(['ada@example.org'])
    expect(mail.headers.map(({ key }) => key)).not.toContain('bcc')
  }
  const stored = (await getMail(pg, id))!
  expect(smtp.received.length === 1 ? stored.state : stored.error).toBeTruthy()
})

describe('what may be mended is tried again, later', () => {
  test('a recipient refused for now', async () => {
    smtp.refuse.set('ada@example.org', 450)
    const id = await addMail(pg.sql)
    await sendAll()
    const minute = new Date(clock.now.getTime() + 60_000)
    const error = expect.stringContaining('450')
    expect(await getMail(pg, id)).toMatchObject({ state: 'pending', attempts: 1, nextTryAt: minute, error })
    expect((await jobs()).map(({ runAt }) => runAt)).toEqual([minute])
    await sendAll()
    expect(await getMail(pg, id)).toMatchObject({ attempts: 1 })
    clock.now = minute
    await sendAll()
    expect((await jobs()).map(({ runAt }) => runAt)).toEqual([new Date(clock.now.getTime() + 120_000)])
    smtp.refuse.clear()
    later(120)
    await sendAll()
    expect(await getMail(pg, id)).toMatchObject({ state: 'sent', attempts: 3, error: null })
    expect(await faults()).toEqual([])
  })

  test('an exchange cut after the mail was handed over: the same Message-ID comes again', async () => {
    smtp.cutAfterData.times = 1
    const id = await addMail(pg.sql)
    await send(deps(), id)
    expect(await getMail(pg, id)).toMatchObject({ state: 'pending', attempts: 1 })
    await send(deps(), id)
    expect(smtp.received.map(({ mail }) => mail.messageId)).toEqual(Array(2).fill(`<${id}@example.org>`))
    expect(await getMail(pg, id)).toMatchObject({ state: 'sent' })
  })

  test('SIGKILL inside the exchange: the mail is as it was, and comes again under the same Message-ID', async () => {
    smtp.silentAfterData.times = 1
    const id = await addMail(pg.sql)
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
  ['without SMTP_URL', { without: true as const }, 'nothing is sent without a mail server (SMTP_URL)'],
  ['where Drydock only observes', { observe: true }, 'nothing is sent while Drydock only observes (DRYDOCK_OBSERVE)'],
])('%s a mail waits, says why, and is sent once mails are', async (_what, more, error) => {
  const id = await addMail(pg.sql)
  await send(deps(more), id)
  for (const lane of [0, 1, 2, 3]) await sendLane(deps(more), lane)
  expect(await getMail(pg, id)).toMatchObject({ state: 'pending', error, attempts: 0, nextTryAt: null })
  expect(smtp.received).toEqual([])
  for (const lane of [0, 1, 2, 3]) await sendLane(deps(), lane)
  expect(await getMail(pg, id)).toMatchObject({ state: 'sent', error: null, attempts: 1 })
})

test('a mail that was kept is sent when asked, where mails are sent now and its text is there', async () => {
  const id = await addMail(pg.sql, { about: ['app r.test/app/run'] })
  const other = await addMail(pg.sql, { about: ['app r.test/app/run'] })
  await pg.sql`update mail set state = 'kept'`
  await pg.sql`update mail set text = '', html = '' where id = ${other}`
  expect(await sendAgain(deps({ observe: true }), id)).toBe('kept')
  expect(await sendAgain(deps({ without: true }), id)).toBe('kept')
  expect(await sendAgain(deps(), other)).toBe('forgotten')
  expect(await sendAgain(deps(), id)).toBe('due')
  await send(deps(), id)
  expect([await getMail(pg, id), await getMail(pg, other)]).toMatchObject([{ state: 'sent' }, { state: 'kept' }])
  expect(smtp.received).toHaveLength(1)
})

test('a failure that is no answer of the mail server leaves the mail as it was, and holds up no other', async () => {
  const lane = ['00000000', '00000004'] // both lane 0
  const [bad, good] = lane.map((start) => randomUUID().replace(/^.{8}/, start)) as [string, string]
  await addMail(pg.sql, { id: bad, to: 'bob@example.org', user: 'bob' })
  await addMail(pg.sql, { id: good })
  const broken: Mailer = {
    ...mailer,
    send: (letter) =>
      letter.to === 'bob@example.org' ? Promise.reject(new TypeError('a fault of ours')) : mailer.send(letter),
  }
  await expect(sendLane({ ...deps(), mailer: broken }, 0)).rejects.toThrow('a fault of ours')
  expect(await getMail(pg, bad)).toMatchObject({ state: 'pending', attempts: 0 })
  expect(await getMail(pg, good)).toMatchObject({ state: 'sent' })
})

test('a mail nobody knows is no error', async () => {
  await send(deps(), randomUUID())
  expect(smtp.received).toEqual([])
})
