import { afterAll, beforeAll, beforeEach } from '@jest/globals'
import { listMails } from '../../src/notify/mails.ts'
import { notify } from '../../src/notify/notify.ts'
import { type NotifySettings, putNotifySettings } from '../../src/notify/notify-settings.ts'
import { testDeps } from '../support/deps.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { configFor, vault } from './config.ts'
import { addBuild, addOutdated, sha, wipe } from './flags.ts'

export const base = 'r.test/lib/base:1'
export const run = 'r.test/app/run:1'
/** The cause: `base` moved. */
export const root = `${base}@${sha('v2')}`
export const told = `${run} is outdated: ${base} has moved`

/** For the file that calls this: mails as they are kept without SMTP, and a clock that a test moves. Everything is new before each test. */
export function keptMails() {
  let pg: TestDatabase
  let now: Date
  beforeAll(async () => {
    pg = await testDatabase()
  })
  beforeEach(async () => {
    await wipe(pg.sql)
    await pg.sql`truncate notify_person, notify_namespace, origin, plan cascade`
    await pg.sql`insert into namespace (key, visibility) values ('lib', 'public')`
    now = new Date('2026-11-21T03:00:00.000Z')
  })
  afterAll(() => pg.close())
  const deps = () => ({
    ...testDeps(pg),
    ...{ clock: () => now, vault, mailer: null, config: configFor(['r.test'], { smtpUrl: null }) },
  })
  const later = (seconds: number) => {
    now = new Date(now.getTime() + seconds * 1000)
  }
  const mails = async () => (await listMails(pg, { cursor: null, limit: 100 })).items
  return {
    deps,
    later,
    mails,
    now: () => now,
    get pg() {
      return pg
    },
    /** Settings of `ada`, the others as they are by default. */
    wants: (said: Partial<NotifySettings>) =>
      putNotifySettings(deps(), 'ada', {
        ...{
          every: 'immediately',
          timeZone: 'UTC',
          hour: 8,
          rebuilt: false,
          failed: true,
          still: true,
          namespaces: {},
        },
        ...said,
      }),
    /** What there is to tell now is told, a window later. */
    async gather(using: () => Parameters<typeof notify>[0] = deps) {
      await notify(using())
      later(300)
      await notify(using())
    },
    /** The oldest first. */
    subjects: async () => (await mails()).map(({ subject }) => subject).toReversed(),
    outdated: () => addOutdated(pg.sql, run, { base, from: sha('v1'), to: sha('v2') }),
    /** A build of `run` for the move, that failed and said this. */
    async failedBuild(log: string, at = now): Promise<string> {
      const id = await addBuild(pg.sql, run, root, sha('new'), at)
      await pg.sql`
        update build set state = 'failed', digest = null, error = '{"code":"docker-failed","message":"step 3 ended with 1","retryable":false}',
          reason = '{"kind":"base-moved"}' where id = ${id}`
      await pg.sql`insert into build_log (build_id, seq, at, text) values (${id}, 0, ${at}, ${log})`
      return id
    },
  }
}
