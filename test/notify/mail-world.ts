import { afterAll, beforeEach } from '@jest/globals'
import type { Config } from '../../src/config.ts'
import { makeMailer } from '../../src/notify/mailer.ts'
import { sendLane } from '../../src/notify/send.ts'
import { testDeps } from '../support/deps.ts'
import { testDatabase } from '../support/postgres.ts'
import { smtpServer } from '../support/smtp.ts'
import { configFor, vault } from './config.ts'
import { wipe } from './flags.ts'

/** For the file that calls this: a database, a mail server that takes everything, and a clock that a test moves; all is new before each test. */
export async function mailWorld() {
  const [pg, smtp] = await Promise.all([testDatabase(), smtpServer()])
  const mailer = makeMailer(configFor(['r.test'], { smtpUrl: smtp.url }))!
  const clock = { now: new Date() }
  beforeEach(async () => {
    await wipe(pg.sql)
    await pg.sql`truncate notify_person, notify_namespace, address_fault`
    smtp.received.length = 0
    smtp.refuse.clear()
    smtp.refuseData.answer = null
    clock.now = new Date('2026-11-21T03:00:00.000Z') // a Saturday
  })
  afterAll(() => {
    mailer.close()
    return Promise.all([pg.close(), smtp.close()])
  })
  const deps = (more: Partial<Config> = {}) => {
    const config = configFor(['r.test'], { smtpUrl: smtp.url, ...more })
    return { ...testDeps(pg), clock: () => clock.now, config, vault, mailer }
  }
  return {
    ...{ pg, smtp, mailer, clock, deps },
    later: (seconds: number) => {
      clock.now = new Date(clock.now.getTime() + seconds * 1000)
    },
    /** All lanes, as the jobs do it. */
    sendAll: () => Promise.all([0, 1, 2, 3].map((lane) => sendLane(deps(), lane))),
  }
}
