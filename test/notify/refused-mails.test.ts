import { beforeEach, describe, expect, test } from '@jest/globals'
import { getMail, listMails } from '../../src/notify/mails.ts'
import { notify } from '../../src/notify/notify.ts'
import { sendAgain } from '../../src/notify/send-again.ts'
import { addMember, addOutdated, sha } from './flags.ts'
import { mailWorld } from './mail-world.ts'
import { addMail } from './outbox.ts'

const { pg, smtp, clock, deps, later, sendAll } = await mailWorld()
beforeEach(async () => {
  await addMember(pg.sql, 'app', 'ada')
  await addOutdated(pg.sql, run, { base: 'r.test/app/base:1', to: sha('v2') })
  await notify(deps())
  later(300)
  await notify(deps())
})

const run = 'r.test/app/run:1'
const mails = async () => (await listMails(pg, { cursor: null, limit: 100 })).items
const arrived = () => smtp.received.map(({ to, mail }) => `${to.join()} ${mail.subject}`)
const told = (to: string) => `${to} ${run} is outdated: r.test/app/base:1 has moved`

/** Tries whenever it is time, until the first mail is given up; the hours between. */
async function untilGivenUp(): Promise<number[]> {
  const waits: number[] = []
  for (;;) {
    await sendAll()
    const first = (await mails()).at(-1)!
    if (first.nextTryAt === null) {
      expect(first).toMatchObject({ state: 'failed', sentAt: null })
      return waits
    }
    waits.push((first.nextTryAt.getTime() - clock.now.getTime()) / 3_600_000)
    clock.now = first.nextTryAt
  }
}

describe('a mail that the server refuses once it has read it', () => {
  test.each([
    [550, '5.4.5 Daily user sending limit exceeded'],
    [552, '5.2.3 Message too large'],
    [554, 'Transaction failed'],
    [550, '5.7.1 Spam'],
  ])('%d %s: is tried again; two days later it arrives', async (status, words) => {
    smtp.refuseData.answer = { status, words }
    await sendAll()
    expect(await mails()).toMatchObject([
      { state: 'pending', error: expect.stringContaining(words), nextTryAt: expect.any(Date) },
    ])
    smtp.refuseData.answer = null
    later(2 * 86_400)
    await sendAll()
    expect(arrived()).toEqual([told('ada@example.org')])
  })

  test('is given up after five days, with its reason; what it told comes in another, when that ends', async () => {
    smtp.refuseData.answer = { status: 554, words: 'no such words here' }
    expect(await untilGivenUp()).toEqual([1, 2, 4, 8, 16, 24, 24, 24, 24])
    expect((await mails())[0]!.error).toContain('no such words here')
    await notify(deps())
    const [given, ...more] = await mails()
    expect(more).toEqual([])
    smtp.refuseData.answer = null
    expect(await sendAgain(deps(), given!.id)).toBe('due')
    await notify(deps())
    await sendAll()
    await notify(deps())
    await sendAll()
    expect(arrived()).toEqual([told('ada@example.org')])
  })
})

test('a mail that an admin has tried now is given up after as many refusals as at first', async () => {
  smtp.refuseData.answer = { status: 554, words: '5.6.0 odd' }
  for (let i = 0; i < 9; i++) {
    await sendAll()
    clock.now = (await mails())[0]!.nextTryAt!
  }
  expect(await sendAgain(deps(), (await mails())[0]!.id)).toBe('due')
  await sendAll()
  const anHour = new Date(clock.now.getTime() + 3_600_000)
  expect((await mails())[0]).toMatchObject({ state: 'pending', attempts: 10, nextTryAt: anHour })
})

describe('an address that was given up', () => {
  beforeEach(async () => {
    smtp.refuse.set('ada@example.org', 550)
    expect(await untilGivenUp()).toHaveLength(9)
    await notify(deps())
    expect(await mails()).toHaveLength(1)
  })

  test('another address of that person is told at once', async () => {
    await pg.sql`update person set email = 'ada2@example.org'`
    await notify(deps())
    await sendAll()
    expect(arrived()).toEqual([told('ada2@example.org')])
  })

  test('is tried at once where an admin says so, and told when it works again', async () => {
    const [given] = await mails()
    expect(await sendAgain(deps(), given!.id)).toBe('due')
    await notify(deps())
    await sendAll()
    expect((await mails()).map(({ state }) => state).toSorted()).toEqual(['failed', 'pending'])
    smtp.refuse.clear()
    const waiting = (await mails()).find(({ state }) => state === 'pending')!
    await sendAll()
    expect(arrived()).toEqual([])
    expect(await sendAgain(deps(), waiting.id)).toBe('due')
    await sendAll()
    expect(arrived()).toEqual([told('ada@example.org')])
    expect(await sendAgain(deps(), waiting.id)).toBe('sent')
  })

  test('is tried a day later, and told when it works again', async () => {
    smtp.refuse.clear()
    later(86_400)
    await notify(deps())
    await sendAll()
    expect(arrived()).toEqual([told('ada@example.org')])
  })
})

test('what was given up comes after an hour by itself; a mail without notices is tried again as it is', async () => {
  const about = ['app r.test/app/run']
  const plain = await addMail(pg.sql, { about, createdAt: clock.now })
  smtp.refuseData.answer = { status: 554, words: 'no' }
  await pg.sql`update mail set refusals = 9`
  await sendAll()
  expect((await mails()).map(({ state }) => state)).toEqual(['failed', 'failed'])
  smtp.refuseData.answer = null
  later(3600)
  await notify(deps())
  await sendAll()
  expect(arrived()).toEqual([told('ada@example.org')])
  expect(await sendAgain(deps(), plain)).toBe('due')
  await sendAll()
  expect(await getMail(pg, plain)).toMatchObject({ state: 'sent' })
  for (const id of ['x', crypto.randomUUID()]) expect(await sendAgain(deps(), id)).toBe('not-found')
})

test('all that waits for an address is given up together, and comes in one mail', async () => {
  const more = 'r.test/app/more:1'
  await addOutdated(pg.sql, more, { base: 'r.test/app/base:1', to: sha('v2') })
  await notify(deps())
  later(300)
  await notify(deps())
  // of one lane, so that one comes after the other
  await pg.sql`update mail set id = ('00000000' || right(id::text, -8))::uuid`
  expect((await mails()).map(({ state }) => state)).toEqual(['pending', 'pending'])
  smtp.refuse.set('ada@example.org', 550)
  expect(await untilGivenUp()).toHaveLength(9)
  expect((await mails()).map(({ state }) => state)).toEqual(['failed', 'failed'])
  smtp.refuse.clear()
  later(86_400)
  await notify(deps())
  await sendAll()
  expect(smtp.received).toHaveLength(1)
  for (const ref of [run, more]) expect(smtp.received[0]!.mail.text).toContain(ref)
})
