import { beforeEach, expect, test } from '@jest/globals'
import { listFaults } from '../../src/notify/address-faults.ts'
import { getMail, listMails } from '../../src/notify/mails.ts'
import { notify } from '../../src/notify/notify.ts'
import { sendAgain } from '../../src/notify/send-again.ts'
import { addMember, addOutdated, sha } from './flags.ts'
import { mailWorld } from './mail-world.ts'
import { addMail } from './outbox.ts'

/** Recipients that a mail server refuses by policy: one of them, or all. */
const { pg, smtp, clock, deps, later, sendAll } = await mailWorld()
let barred: string
beforeEach(async () => {
  await addMember(pg.sql, 'app', 'ada')
  await addMember(pg.sql, 'other', 'bob')
  await addOutdated(pg.sql, run, { base: 'r.test/app/base:1', to: sha('v2') })
  await notify(deps())
  laterHours(300 / 3600)
  await notify(deps())
  const [mail] = (await listMails(pg, { cursor: null, limit: 1 })).items
  barred = mail!.id
})

const [ada, bob, run] = ['ada@example.org', 'bob@example.org', 'r.test/app/run:1']
const denied = '554 5.7.1 Access denied'
const laterHours = (hours: number) => later(hours * 3600)
const toBob = () => addMail(pg.sql, { to: bob, user: 'bob', about: ['other r.test/other/x'], createdAt: clock.now })
const refusals = async () =>
  (await pg.sql<[{ refusals: number }]>`select refusals from mail where id = ${barred}`)[0].refusals
const stateOf = async (id: string) => (await getMail(pg, id))?.state
const arrivedAt = (address: string) => smtp.received.filter(({ to }) => to.includes(address))

/** Tries whenever the mail is due, with one for bob an hour before; the hours between, until it is given up. */
async function untilGivenUp(): Promise<number[]> {
  const waits: number[] = []
  for (let tries = 0; tries < 30; tries++) {
    await sendAll()
    const at = (await getMail(pg, barred))?.nextTryAt
    if (!at) return waits
    waits.push((at.getTime() - clock.now.getTime()) / 3_600_000)
    clock.now = new Date(clock.now.getTime() + 1000)
    await toBob()
    await sendAll()
    clock.now = at
  }
  throw new Error('it was tried 30 times')
}

test('one, while others are taken: given up after ten refusals and five days, with the reason; told in another mail when that ends', async () => {
  smtp.refuse.set(ada, denied)
  expect(await untilGivenUp()).toEqual([1 / 60, 1, 2, 4, 8, 16, 24, 24, 24, 24])
  expect(await getMail(pg, barred)).toMatchObject({
    state: 'failed',
    error: expect.stringContaining(denied),
    sentAt: null,
  })
  expect((await listFaults(pg, { cursor: null, limit: 9 })).items).toEqual([])
  smtp.refuse.clear()
  await notify(deps())
  await sendAll()
  expect(arrivedAt(ada)).toEqual([])
  laterHours(1)
  await notify(deps())
  await sendAll()
  expect(arrivedAt(ada).map(({ mail }) => mail.text)).toEqual([expect.stringContaining(run)])
})

test('one that was given up is tried at once where an admin says so', async () => {
  smtp.refuse.set(ada, denied)
  await untilGivenUp()
  smtp.refuse.clear()
  expect(await sendAgain(deps(), barred)).toBe('due')
  await notify(deps())
  await sendAll()
  expect(arrivedAt(ada)).toHaveLength(1)
})

test('all, for three weeks: no mail is given up, and each arrives when that ends', async () => {
  for (const address of [ada, bob]) smtp.refuse.set(address, denied)
  const other = await toBob()
  for (let hour = 0; hour < 21 * 24; hour += 6) {
    await sendAll()
    laterHours(6)
  }
  expect([await refusals(), await stateOf(barred), await stateOf(other)]).toEqual([0, 'pending', 'pending'])
  smtp.refuse.clear()
  await sendAll()
  expect([arrivedAt(ada).length, arrivedAt(bob).length]).toEqual([1, 1])
})

test('one, and then all: while nobody’s mail is taken nothing counts; what was taken before counts once', async () => {
  smtp.refuse.set(ada, denied)
  await sendAll()
  laterHours(1)
  await toBob()
  await sendAll()
  smtp.refuse.set(bob, denied)
  const waiting = await toBob()
  for (let day = 0; day < 30; day++) {
    laterHours(24)
    await sendAll()
  }
  expect([await refusals(), await stateOf(barred), await stateOf(waiting)]).toEqual([
    expect.any(Number),
    'pending',
    'pending',
  ])
  expect(await refusals()).toBeLessThanOrEqual(1)
})

test('another mail to the same address shows nothing of others', async () => {
  smtp.refuse.set(ada, denied)
  await sendAll()
  laterHours(1)
  smtp.refuse.clear()
  const same = await addMail(pg.sql, { to: 'ADA@example.org', about: ['app r.test/app/run'], createdAt: clock.now })
  await pg.sql`update mail set next_try_at = ${new Date(clock.now.getTime() + 3_600_000)} where id = ${barred}`
  await sendAll()
  expect(await stateOf(same)).toBe('sent')
  laterHours(2)
  smtp.refuse.set(ada, denied)
  await sendAll()
  expect([await refusals(), await stateOf(barred)]).toEqual([0, 'pending'])
})
