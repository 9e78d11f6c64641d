/**
 * In: rows of `cause` and channels of namespaces, as they are.
 * Out: `channel_notice` rows, once for each (channel, tag, root, kind); of those that wait for a channel `delivery` rows, with their jobs.
 * Guarantees: each notice goes into one message; running it twice, at once, or dying in it, tells nothing twice and forgets nothing.
 */
import type { Deps } from '../deps.ts'
import { isGone } from '../people/gone.ts'
import { enqueueDelivery } from './enqueue-delivery.ts'
import { gatherDeliveries } from './gather-deliveries.ts'
import { longestWait } from './judge-reply.ts'
import { raiseChannelNotices } from './raise-channel-notices.ts'

type Needs = Pick<Deps, 'sql' | 'jobs' | 'clock' | 'config' | 'log'>

/** A cause that may come from a build of ours that is still running is looked at again after so many ms. */
const heldFor = 2_000
/** What could not be told is tried again after so many ms. */
const failedFor = 60_000
/** A delivery that should have been tried so many ms ago has lost its job. */
const overdue = 600_000
const atOnce = 1000
/** A job may start a little before our clock says it is time. */
const soonest = 250

export async function tellChannels(d: Needs): Promise<void> {
  const { raised, held } = await raiseChannelNotices(d)
  if (raised > 0) d.log.info({ notices: raised }, 'noticed for channels')
  const { next: due, failed } = await gatherDeliveries(d)
  const now = d.clock().getTime()
  await findLost(d, now)
  const times = [
    ...(due === null ? [] : [due.getTime()]),
    ...(held > 0 ? [now + heldFor] : []),
    ...(failed > 0 ? [now + failedFor] : []),
  ]
  if (times.length === 0) return
  const runAt = new Date(Math.max(Math.min(...times), now + soonest))
  // Its own key: under the other one it would put off a job that is to run at once.
  await d.jobs.enqueue(d.sql, 'channels', {}, { key: 'channels:later', queue: 'channels', runAt })
}

/** Whatever became of its job, a delivery that waits is tried; as is one that was put off by a clock that was ahead, or while its registry was configured no more. */
async function findLost(d: Needs, now: number): Promise<void> {
  const lost = await d.sql<{ id: string; channelId: string }[]>`
    select dl.id, dl.channel_id from delivery dl join channel ch on ch.id = dl.channel_id and not ${isGone(d.sql, d.sql`ch.namespace_key`)} where dl.state = 'pending'
      and (coalesce(dl.next_try_at, dl.since) < ${new Date(now - overdue)} or dl.next_try_at > ${new Date(now + longestWait)})
    order by dl.since limit ${atOnce}`
  for (const delivery of lost) await enqueueDelivery(d, d.sql, delivery)
}
