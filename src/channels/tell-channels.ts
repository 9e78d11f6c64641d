/**
 * In: rows of `cause` and channels of namespaces, as they are.
 * Out: `channel_notice` rows, once for each (channel, tag, root, kind); of those that wait for a channel `delivery` rows, with their jobs.
 * Guarantees: each notice goes into one message; running it twice, at once, or dying in it, tells nothing twice and forgets nothing.
 */
import type { Deps } from '../deps.ts'
import { gatherDeliveries } from './gather-deliveries.ts'
import { raiseChannelNotices } from './raise-channel-notices.ts'

type Needs = Pick<Deps, 'sql' | 'jobs' | 'clock' | 'config' | 'log'>

/** A cause that may come from a build of ours that is still running is looked at again after so many ms. */
const heldFor = 2_000
/** A job may start a little before our clock says it is time. */
const soonest = 250

export async function tellChannels(d: Needs): Promise<void> {
  const { raised, held } = await raiseChannelNotices(d)
  if (raised > 0) d.log.info({ notices: raised }, 'noticed for channels')
  const due = await gatherDeliveries(d)
  const now = d.clock().getTime()
  const times = [...(due === null ? [] : [due.getTime()]), ...(held > 0 ? [now + heldFor] : [])]
  if (times.length === 0) return
  const runAt = new Date(Math.max(Math.min(...times), now + soonest))
  // Its own key: under the other one it would put off a job that is to run at once.
  await d.jobs.enqueue(d.sql, 'channels', {}, { key: 'channels:later', queue: 'channels', runAt })
}
