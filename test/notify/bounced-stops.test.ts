import { beforeEach, expect, test } from '@jest/globals'
import { type BounceReport, readBounce } from '../../src/notify/bounce-report.ts'
import { takeBounce } from '../../src/notify/take-bounce.ts'
import { exim } from './bounces.ts'
import { addMember } from './flags.ts'
import { outside, stoppedPlans } from './stopped-plans.ts'

/** Mails that a plan was stopped, which came back. */
const w = await stoppedPlans()
const ada = 'ada@example.org'
let plan: string
beforeEach(async () => {
  await addMember(w.pg.sql, 'app', 'ada')
  plan = await w.stopped(outside, ['r.test/app/run:1'])
  await w.aWhile()
  expect(w.arrived()).toEqual([ada])
})

async function comesBack(diagnostic: string): Promise<string> {
  const [mail] = await w.mails()
  const text = exim(`Message-ID: ${mail!.messageId}\r\n\r\n`, { final: ada, diagnostic })
  return (await takeBounce(w.deps(), (await readBounce(Buffer.from(text))) as BounceReport)).outcome
}
const states = async () => (await w.mails()).map(({ state }) => state)
const [unknown, spam] = ['smtp; 550 5.1.1 User unknown', 'smtp; 550 5.7.1 spam']

test.each([
  [unknown, 'address-refused'],
  [spam, 'mail-refused'],
])('%s, at once: sent again an hour later, once, and nothing besides', async (diagnostic, outcome) => {
  expect(await comesBack(diagnostic)).toBe(outcome)
  await w.aWhile()
  expect([w.arrived(), await states()]).toEqual([[ada], ['pending']])
  w.later(3600)
  await w.aWhile()
  expect([w.arrived(), await states()]).toEqual([[ada, ada], ['sent']])
})

test.each([[unknown], [spam]])('%s, and the plan goes on meanwhile: not sent again', async (diagnostic) => {
  await comesBack(diagnostic)
  await w.pg.sql`update plan set state = 'open' where id = ${plan}`
  w.later(3600)
  await w.aWhile()
  expect([w.arrived(), await states()]).toEqual([[ada], ['failed']])
})

test.each([
  [unknown, 3600],
  [spam, 0],
])('%s, three days later: written anew, once', async (diagnostic, wait) => {
  w.later(3 * 86_400)
  await comesBack(diagnostic)
  w.later(wait)
  await w.aWhile()
  expect([w.arrived(), await states()]).toEqual([
    [ada, ada],
    ['failed', 'sent'],
  ])
})
