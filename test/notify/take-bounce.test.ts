import { beforeEach, describe, expect, test } from '@jest/globals'
import { listFaults } from '../../src/notify/address-faults.ts'
import { type BounceReport, readBounce } from '../../src/notify/bounce-report.ts'
import type { Mailer } from '../../src/notify/mailer.ts'
import { listMails } from '../../src/notify/mails.ts'
import { notify } from '../../src/notify/notify.ts'
import { sendLane } from '../../src/notify/send.ts'
import { takeBounce } from '../../src/notify/take-bounce.ts'
import { exchange, exim, gmail, postfix } from './bounces.ts'
import { addMember, addOutdated, sha } from './flags.ts'
import { mailWorld } from './mail-world.ts'
import { addMail } from './outbox.ts'

const { pg, smtp, mailer, clock, deps, later, sendAll } = await mailWorld()
beforeEach(async () => {
  await addMember(pg.sql, 'app', 'ada')
  await addOutdated(pg.sql, run, { base: 'r.test/app/base:1', to: sha('v2') })
  await told()
})

const [ada, run] = ['ada@example.org', 'r.test/app/run:1']
const laterHours = (hours: number) => later(hours * 3600)
/** What there is to tell is gathered, written and sent. */
async function told(): Promise<void> {
  await notify(deps())
  laterHours(300 / 3600)
  await notify(deps())
  await sendAll()
}
const mails = async () => (await listMails(pg, { cursor: null, limit: 100 })).items
const faults = async () => (await listFaults(pg, { cursor: null, limit: 100 })).items
const last = () => smtp.received.at(-1)!.raw
let bounces = 0
/** The mail that was sent last comes back. */
async function comesBack(write = postfix, more: Partial<Parameters<typeof postfix>[1]> = {}, raw = last()) {
  bounces += 1
  const text = write(raw, { final: ada, id: `<${bounces}@mail.example.org>`, ...more })
  return takeBounce(deps(), (await readBounce(Buffer.from(text))) as BounceReport)
}
const hours = (count: number) => new Date(clock.now.getTime() + count * 3_600_000)

describe('a mail that came back', () => {
  test.each([
    ['Postfix', postfix],
    ['Exim', exim],
    ['Exchange', exchange],
    ['Gmail', gmail],
  ])('by %s: its address is recorded, and it is sent again when that may be tried', async (_who, write) => {
    const [mail] = await mails()
    expect(await comesBack(write)).toMatchObject({
      outcome: 'address-refused',
      mail: mail!.id,
      messageId: mail!.messageId,
    })
    const error = expect.stringMatching(/^came back: .*\(it was taken at 2026-11-21T03:05:00.000Z\)$/)
    expect(await mails()).toMatchObject([{ state: 'pending', error, nextTryAt: hours(1), sentAt: null }])
    expect(await faults()).toEqual([
      { address: ada, message: error, refusals: 1, since: clock.now, nextTryAt: hours(1) },
    ])
    const jobs =
      await pg.sql`select 1 from graphile_worker.jobs where task_identifier = 'mail' and run_at = ${hours(1)}`
    expect(jobs).toHaveLength(1)
    await sendAll()
    expect(smtp.received).toHaveLength(1)
    laterHours(1)
    await sendAll()
    expect(await mails()).toMatchObject([{ id: mail!.id, state: 'sent', error: null, attempts: 2 }])
    expect(smtp.received.map(({ mail: { messageId } }) => messageId)).toEqual([mail!.messageId, mail!.messageId])
  })

  test('always: later and later, though the server takes it each time; then given up, and told in another', async () => {
    const waits: number[] = []
    while ((await mails())[0]?.state === 'sent' && waits.length < 20) {
      await comesBack()
      const nextTryAt = (await mails())[0]?.nextTryAt ?? null
      if (nextTryAt === null) break
      waits.push((nextTryAt.getTime() - clock.now.getTime()) / 3_600_000)
      clock.now = nextTryAt
      await sendAll()
    }
    expect(waits).toEqual([1, 2, 4, 8, 16, 24, 24, 24, 24])
    expect(await mails()).toMatchObject([{ state: 'failed', error: expect.stringContaining('User unknown') }])
    await notify(deps())
    expect(await mails()).toHaveLength(1)
    laterHours(24)
    await notify(deps())
    await sendAll()
    expect(await mails()).toMatchObject([{ state: 'sent' }, { state: 'failed' }])
    expect(last()).toContain(run)
  })

  test('for what it says: it is tried again after as many hours, and its address has no fault', async () => {
    expect(await comesBack(exim, { diagnostic: 'smtp; 550 5.7.1 spam' })).toMatchObject({ outcome: 'mail-refused' })
    expect(await mails()).toMatchObject([
      { state: 'pending', error: expect.stringContaining('5.7.1 spam'), nextTryAt: hours(1) },
    ])
    laterHours(1)
    await sendAll()
    await comesBack(exim, { status: '4.4.7' })
    expect(await mails()).toMatchObject([{ state: 'pending', nextTryAt: hours(2) }])
    expect(await faults()).toEqual([])
  })

  test('five days later, after another was taken: what it told comes in another, as it is by then; the other stays', async () => {
    const first = last()
    laterHours(96)
    await addOutdated(pg.sql, 'r.test/app/more:1', { base: 'r.test/app/base:1', to: sha('v2') })
    await told()
    expect((await mails()).map(({ state }) => state)).toEqual(['sent', 'sent'])
    laterHours(24)
    expect(await comesBack(postfix, {}, first)).toMatchObject({ outcome: 'address-refused' })
    expect((await mails()).map(({ state }) => state)).toEqual(['sent', 'failed'])
    await notify(deps())
    expect(await mails()).toHaveLength(2)
    laterHours(1)
    await notify(deps())
    await sendAll()
    expect(smtp.received).toHaveLength(3)
    expect([last().includes('run:1'), last().includes('more:1')]).toEqual([true, false])
  })

  test('twice in one report, and the report handed in twice, and again when it was sent anew: once', async () => {
    const [, again] = [await comesBack(postfix, { id: '<same@mail>' }), await comesBack(postfix, { id: '<same@mail>' })]
    expect(again).toMatchObject({ outcome: 'nothing', because: 'this was read before' })
    laterHours(1)
    await sendAll()
    expect(await comesBack(postfix, { id: '<same@mail>' })).toMatchObject({ outcome: 'nothing' })
    expect(await mails()).toMatchObject([{ state: 'sent' }])
    expect(await faults()).toMatchObject([{ refusals: 1 }])
  })

  test('with another that was sent before: one refusal; nothing is lost of either', async () => {
    const [one, two] = [last(), await addMail(pg.sql, { about: ['app r.test/app/run'], createdAt: clock.now })]
    await sendAll()
    await comesBack(postfix, {}, one)
    await comesBack(postfix)
    expect(await faults()).toMatchObject([{ refusals: 1, nextTryAt: hours(1) }])
    expect(await mails()).toMatchObject([{ nextTryAt: hours(1) }, { nextTryAt: hours(1) }])
    laterHours(1)
    await sendAll()
    expect((await mails()).map(({ state, id }) => [state, id === two])).toEqual(
      expect.arrayContaining([
        ['sent', true],
        ['sent', false],
      ]),
    )
  })

  test('quicker than the outbox has written that it was sent: it waits for that', async () => {
    const id = await addMail(pg.sql, { about: ['app r.test/app/run'], createdAt: clock.now })
    const raw = `Message-ID: <${id}@example.org>\r\n\r\n`
    let taken: ReturnType<typeof comesBack> | undefined
    const quick: Mailer = {
      ...mailer,
      send: async (letter) => {
        await mailer.send(letter)
        taken = comesBack(postfix, {}, raw)
        // it waits for the row, or has changed nothing: either way it is with the database now
        for (let waits = 0; waits === 0; )
          [{ waits }] = await pg.sql<[{ waits: number }]>`
            select count(*)::int as waits from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
      },
    }
    await Promise.all([0, 1, 2, 3].map((lane) => sendLane({ ...deps(), mailer: quick }, lane)))
    expect(await taken).toMatchObject({ outcome: 'address-refused', mail: id })
  })
})

describe('a fault that bounces told', () => {
  test('is over when a week has gone by without another, and a mail was taken', async () => {
    await comesBack()
    laterHours(1)
    await sendAll()
    expect(await faults()).toMatchObject([{ refusals: 1 }])
    laterHours(7 * 24 + 1)
    await addMail(pg.sql, { about: ['app r.test/app/run'], createdAt: clock.now })
    await sendAll()
    expect(await faults()).toEqual([])
  })

  test('holds for whoever has the address: two persons’ mails wait, and go to another that one has by then', async () => {
    await addMember(pg.sql, 'app', 'bob', { email: 'Ada@example.org' })
    await comesBack()
    await told()
    expect(smtp.received).toHaveLength(1)
    await pg.sql`update person set email = 'ada2@example.org' where name = 'ada'`
    laterHours(1)
    await sendAll()
    await told()
    expect(smtp.received.slice(1).map(({ to }) => to.join())).toEqual(
      expect.arrayContaining(['Ada@example.org', 'ada2@example.org']),
    )
    expect(smtp.received).toHaveLength(3)
  })
})

test.each<[string, () => Promise<{ outcome: string }>]>([
  ['of a mail that is none of ours', () => comesBack(postfix, {}, 'Message-ID: <forged@example.org>\r\n\r\n')],
  ['of somebody it did not go to', () => comesBack(postfix, { final: 'bob@example.org' })],
  [
    'of a mail that waits',
    async () => comesBack(postfix, {}, `Message-ID: <${await addMail(pg.sql)}@example.org>\r\n\r\n`),
  ],
  ['that it is late', () => comesBack(postfix, { action: 'delayed', status: '4.4.1' })],
])('a report %s changes nothing', async (_what, report) => {
  const rows = () =>
    pg.sql`select id, state, error, next_try_at, refusals, sent_at, bounces from mail where sent_at is not null`
  const before = await rows()
  expect(before).toHaveLength(1)
  expect(await report()).toMatchObject({ outcome: 'nothing' })
  expect([await rows(), await faults()]).toEqual([before, []])
})

test('what came back from where an address sends on to is noted; others may have got it there, so it is not told again', async () => {
  const taken = await comesBack(postfix, { final: 'ada@elsewhere.test', original: ada })
  expect(taken).toMatchObject({ outcome: 'noted' })
  expect(await mails()).toMatchObject([{ state: 'sent', error: expect.stringContaining('sends it on to') }])
  expect(await faults()).toEqual([])
})
