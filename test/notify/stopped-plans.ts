import { beforeEach } from '@jest/globals'
import { listMails } from '../../src/notify/mails.ts'
import { notify } from '../../src/notify/notify.ts'
import { tellStopped } from '../../src/notify/tell-stopped.ts'
import { addBuild, addTag, sha } from './flags.ts'
import { mailWorld } from './mail-world.ts'

/** A base that nobody here looks after. */
export const outside = 'ext.test/debian:12'
export const boom = (ref: string) => `boom of ${ref.split('/')[1]}`

/** For the file that calls this: plans that are stopped, a mail server, and a clock that a test moves. Everything is new before each test. */
export async function stoppedPlans() {
  const { pg, smtp, clock, deps, later, sendAll } = await mailWorld()
  beforeEach(async () => {
    await pg.sql`truncate plan cascade`
  })
  /** As stop-plans.ts does it. */
  const stop = (plan: string) =>
    pg.sql.begin(async (tx) => {
      const [row] = await tx<{ id: string; base: string | null; toDigest: string | null }[]>`
        update plan set state = 'stopped', ended_at = ${clock.now}, stops = stops + 1 where id = ${plan} returning id, base, to_digest`
      await tellStopped(deps(), tx, row!)
    })
  return {
    deps,
    later,
    sendAll,
    stop,
    get pg() {
      return pg
    },
    /** A plan on this base is stopped, since the builds of these tags failed; its id. */
    async stopped(base: string | null, refs: readonly string[]): Promise<string> {
      const [made] = await pg.sql<{ id: string }[]>`
        insert into plan (root, base, to_digest, state, cycles) values ('r', ${base}, ${sha('v2')}, 'open', '[]') returning id`
      const plan = made!.id
      for (const ref of refs) {
        await addTag(pg.sql, ref, { digest: sha('run') })
        await pg.sql`insert into plan_node (plan_id, ref, level) values (${plan}, ${ref}, 1)`
        const build = await addBuild(pg.sql, ref, 'x', sha('new'), clock.now)
        const error = JSON.stringify({ code: 'build-failed', message: boom(ref) })
        await pg.sql`
          update build set state = 'failed', digest = null, error = ${error}::text::jsonb, plan_id = ${plan} where id = ${build}`
      }
      await stop(plan)
      return plan
    },
    /** Some minutes go by, in which all that is to be done is done, more than once. */
    async aWhile() {
      for (let i = 0; i < 3; i++) {
        await Promise.all([notify(deps()), notify(deps())])
        await sendAll()
        later(60)
      }
    },
    /** The oldest first. */
    mails: async () => (await listMails(pg, { cursor: null, limit: 100 })).items.toReversed(),
    /** To whom mails came, by address. */
    arrived: () => smtp.received.map(({ to }) => to.join()).toSorted(),
    /** What came, to whom it is said, each on one line. */
    texts: () => smtp.received.map(({ mail }) => `${mail.subject} ${mail.text} ${mail.html}`.replace(/\s+/g, ' ')),
  }
}
