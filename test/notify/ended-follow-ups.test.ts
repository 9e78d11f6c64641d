import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { type Mailer, makeMailer } from '../../src/notify/mailer.ts'
import { sendLane } from '../../src/notify/send.ts'
import { type SmtpServer, smtpServer } from '../support/smtp.ts'
import { configFor } from './config.ts'
import { addMember, addOutdated, judge, sha } from './flags.ts'
import { base, keptMails, run, told } from './kept-mails.ts'

/** A follow-up that waits to be sent, while what it is of ends. */
const w = keptMails()
let smtp: SmtpServer
let mailer: Mailer
const config = () => configFor(['r.test'], { smtpUrl: smtp.url })
const deps = () => ({ ...w.deps(), config: config(), mailer })
beforeAll(async () => {
  smtp = await smtpServer()
  mailer = makeMailer(config())!
})
afterAll(() => {
  mailer.close()
  return smtp.close()
})
const gather = () => w.gather(deps)
const sendAll = () => Promise.all([0, 1, 2, 3].map((lane) => sendLane(deps(), lane)))
const failed = `${run} could not be rebuilt`
const arrived = () => smtp.received.map(({ mail }) => mail.subject)
const why = async () => (await w.mails()).flatMap(({ state, error }) => (state === 'failed' ? error : []))
const other = 'r.test/app/two:1'

beforeEach(async () => {
  smtp.received.length = 0
  await addMember(w.pg.sql, 'app', 'ada')
  await w.outdated()
  await gather()
  await sendAll()
  await w.failedBuild('no')
  await addOutdated(w.pg.sql, other, { base, from: sha('v1'), to: sha('v2') })
  await gather()
})

test('goes out where all of it is so still', async () => {
  await sendAll()
  expect(arrived()).toEqual([told, expect.stringContaining(failed)])
})

test.each<[string, () => Promise<unknown>, string]>([
  ['its person wants none of that kind', () => w.wants({ failed: false }), 'ada wants no mails of the kind "failed"'],
  ['its tag is not outdated any more', () => judge(w.pg.sql, run, []), `${run} is not outdated any more`],
  [
    'its tag was deleted',
    () => w.pg.sql`update tag set head_digest = null where ref = ${run}`,
    `${run} is not outdated any more`,
  ],
])('is not sent where %s; what else was in the mail is', async (_what, change, error) => {
  await change()
  await sendAll()
  expect(arrived()).toEqual([told])
  expect(await why()).toEqual([`not sent: ${error}`])
  for (let i = 0; i < 3; i++) {
    await gather()
    await sendAll()
  }
  expect(arrived()).toEqual([told, `${other} is outdated: ${base} has moved`])
  expect(await why()).toHaveLength(1)
})

test('comes when it is wanted again, and is so still', async () => {
  await w.wants({ failed: false })
  await sendAll()
  await gather()
  await w.wants({ failed: true })
  await gather()
  await sendAll()
  expect(arrived().join()).toContain(failed)
})
