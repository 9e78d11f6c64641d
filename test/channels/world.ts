import { makeVault } from '../../src/build/vault.ts'
import { type PutChannel, putChannel } from '../../src/channels/channels.ts'
import type { Config } from '../../src/config.ts'
import { configFor } from '../notify/config.ts'
import { wipe } from '../notify/flags.ts'
import { testDeps } from '../support/deps.ts'
import type { TestDatabase } from '../support/postgres.ts'

/** Where the clock of a test begins. */
export const start = new Date('2026-11-21T03:00:00.000Z')
export const vaultKey = 'a secret of the tests'
const vault = makeVault(vaultKey)

/** Everything a channel's steps use, on a database of its own, with a clock that a test moves. Receivers on loopback are allowed. */
export function channelWorld(pg: TestDatabase) {
  let now = start
  const deps = (more: Partial<Config> = {}) => ({
    ...{ ...testDeps(pg), vault, clock: () => now },
    config: configFor(['r.test'], { channels: { allow: ['127.0.0.1', 'localhost'] }, ...more }),
  })
  return {
    deps,
    later(seconds: number) {
      now = new Date(now.getTime() + seconds * 1000)
    },
    now: () => now,
    async reset() {
      now = start
      await wipe(pg.sql)
      await pg.sql`truncate snooze`
      // what bases are in is no secret of its members
      await pg.sql`insert into namespace (key, visibility) values ('lib', 'protected')`
    },
    add: (name: string, url: string, put: Partial<PutChannel> = {}, namespace = 'app') =>
      putChannel(deps(), namespace, name, { kind: 'webhook', enabled: true, url, ...put }),
    /** What was made for a channel, oldest first. */
    deliveries: (name = 'hook') => pg.sql<DeliveryRow[]>`
      select dl.id, dl.type, dl.state, dl.attempts, dl.status, dl.answer, dl.next_try_at, dl.body::text as body
      from delivery dl join channel ch on ch.id = dl.channel_id where ch.name = ${name} order by dl.created_at, dl.type, dl.body->>'subject', dl.id`,
    /** The deliveries' jobs that wait. */
    jobs: () => pg.sql<{ key: string; runAt: Date; queue: string }[]>`
      select j.key, j.run_at, q.queue_name as queue from graphile_worker._private_jobs j
      left join graphile_worker._private_job_queues q on q.id = j.job_queue_id where j.key like 'deliver:%' order by j.key`,
  }
}

export type DeliveryRow = {
  id: string
  type: string
  state: string
  attempts: number
  status: number | null
  answer: string | null
  nextTryAt: Date | null
  body: string
}
