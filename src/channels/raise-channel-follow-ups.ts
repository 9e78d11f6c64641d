import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { countedCauses } from '../notify/counted-causes.ts'
import { failedRebuilds } from '../notify/follow-ups.ts'
import { rebuilt } from '../notify/rebuilt.ts'

const day = 86_400
const week = 7 * day

/**
 * What people are told of failed, outdated still and rebuilt (src/notify/follow-ups.ts), for the channels that want it: once a channel, tag,
 * root and kind, of what is outdated still once a week. How many it raised; `held`: to be looked at again soon. To be called under the lock of raise-notices.ts.
 */
export async function raiseChannelFollowUps(
  d: Pick<Deps, 'config'>,
  tx: Tx,
  now: Date,
): Promise<{ raised: number; held: number }> {
  const failed = await raiseFailed(d, tx, now)
  const still = d.config.stillOutdatedDays > 0 ? await raiseStill(d, tx, now) : 0
  const rebuilt = await raiseRebuilt(tx, now)
  return { raised: failed + still + rebuilt.raised, held: rebuilt.held }
}

async function raiseFailed(d: Pick<Deps, 'config'>, tx: Tx, now: Date): Promise<number> {
  const { count } = await tx`
    with ${countedCauses(tx, d.config, now)}, ${failedRebuilds(tx)}
    insert into channel_notice (kind, channel_id, ref, root, content, created_at)
    select 'failed', ch.id, f.ref, f.root, f.content, ${now}
    from failed_rebuilds f join channel ch on ch.namespace_key = f.namespace and ch.enabled and 'failed' = any(ch.events)
    where not exists (select from channel_notice n where n.channel_id = ch.id and n.ref = f.ref and n.root = f.root and n.kind = 'failed')
    order by ch.id, f.ref
    on conflict (channel_id, ref, root, kind) do nothing`
  return count
}

/** All of it at once, a week after the last time at the earliest. Told "days ago" by a clock that was ahead counts too. */
async function raiseStill(d: Pick<Deps, 'config'>, tx: Tx, now: Date): Promise<number> {
  const { count } = await tx`
    with ${countedCauses(tx, d.config, now)}, reminded as (
      select distinct on (channel_id) channel_id, created_at from channel_notice where kind = 'still' order by channel_id, id desc
    ), due as (
      select distinct on (n.channel_id, n.ref, k.root) n.channel_id, n.ref, k.root, k.content
      from counted k join channel_notice n on n.ref = k.ref and n.kind = 'outdated' and n.delivery_id is not null
        and (n.root = k.root or starts_with(n.root, k.root || '#'))
      join channel ch on ch.id = n.channel_id and ch.namespace_key = k.namespace and ch.enabled and 'still' = any(ch.events)
      left join reminded on reminded.channel_id = n.channel_id
      where abs(extract(epoch from ${now}::timestamptz - n.created_at)) >= ${d.config.stillOutdatedDays * day}
        and (reminded.created_at is null or abs(extract(epoch from ${now}::timestamptz - reminded.created_at)) >= ${week})
      order by n.channel_id, n.ref, k.root, n.id desc
    )
    insert into channel_notice (kind, channel_id, ref, root, content, created_at)
    select 'still', channel_id, ref, root || '#' || 1 + (
        select count(*) from channel_notice n
        where n.channel_id = due.channel_id and n.ref = due.ref and n.kind = 'still' and starts_with(n.root, due.root || '#')),
      content, ${now}
    from due order by channel_id, ref
    on conflict (channel_id, ref, root, kind) do nothing`
  return count
}

async function raiseRebuilt(tx: Tx, now: Date): Promise<{ raised: number; held: number }> {
  const told = tx`(
    select n.id, n.channel_id as hearer, n.ref, n.root, n.content
    from channel ch join channel_notice n on n.channel_id = ch.id and n.kind = 'outdated' and n.delivery_id is not null
    where ch.enabled and 'rebuilt' = any(ch.events))`
  const [counts] = await tx<{ raised: number; held: number }[]>`
    with due as materialized (${rebuilt(tx, now, { told, notices: tx`channel_notice`, of: tx`channel_id` })}), raised as (
      insert into channel_notice (kind, channel_id, ref, root, content, created_at)
      select 'rebuilt', hearer, ref, root, follow_up, ${now} from due where not held order by hearer, ref, id
      on conflict (channel_id, ref, root, kind) do nothing
      returning 1
    )
    select (select count(*)::int from raised) as raised, (select count(*)::int from due where held) as held`
  if (!counts) throw new Error('a count gave no row')
  return counts
}
