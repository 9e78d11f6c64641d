import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { countedCauses } from '../notify/counted-causes.ts'
import { news } from '../notify/news.ts'
import { raiseLock } from '../notify/raise-notices.ts'
import { raiseChannelFollowUps } from './raise-channel-follow-ups.ts'

const withChannels = (tx: Tx) => tx`(
  select k.*, ch.id as hearer from counted k
  join channel ch on ch.namespace_key = k.namespace and ch.enabled and 'outdated' = any(ch.events))`

/**
 * A notice for each channel of a namespace that wants these, and each counted cause of a tag in it that the channel was not told of:
 * as for people (src/notify/raise-notices.ts), with the channel in a person's place. What was outdated before the channel was made it has
 * not been told of. A channel that is disabled hears nothing, and when it is enabled again of what is outdated still.
 *
 * Then the follow-ups.
 *
 * One statement each; nothing is read into memory. Key: (channel_id, ref, root, kind). `held`: causes to look at again soon.
 */
export async function raiseChannelNotices(
  d: Pick<Deps, 'sql' | 'clock' | 'config'>,
): Promise<{ raised: number; held: number }> {
  const now = d.clock()
  const [wanted] = await d.sql`select from channel where enabled limit 1`
  if (!wanted) return { raised: 0, held: 0 }
  return d.sql.begin(async (tx) => {
    await tx`select pg_advisory_xact_lock(${raiseLock})`
    const [counts] = await tx<{ raised: number; held: number }[]>`
      with ${countedCauses(tx, d.config, now)}, ${news(tx, now, { told: withChannels(tx), notices: tx`channel_notice`, of: tx`channel_id` })}, raised as (
        insert into channel_notice (channel_id, kind, ref, root, content, created_at)
        select hearer, 'outdated', ref, new_root, content || stay, ${now}::timestamptz
        from fresh order by hearer, ref, (own_root is not null), base
        on conflict (channel_id, ref, root, kind) do nothing
        returning 1
      )
      select (select count(*)::int from raised) as raised,
        (select count(*)::int from counted k where held and exists (
          select from channel ch where ch.namespace_key = k.namespace and ch.enabled)) as held`
    if (!counts) throw new Error('a count gave no row')
    const after = await raiseChannelFollowUps(d, tx, now)
    return { raised: counts.raised + after.raised, held: counts.held + after.held }
  })
}
