import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { countedCauses } from '../notify/counted-causes.ts'
import { failedRebuilds } from '../notify/follow-ups.ts'
import { rebuilt } from '../notify/rebuilt.ts'
import { still } from '../notify/still.ts'

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
  const reminded = d.config.stillOutdatedDays > 0 ? await raiseStill(d, tx, now) : 0
  const current = await raiseRebuilt(tx, now)
  return { raised: failed + reminded + current.raised, held: current.held }
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

async function raiseStill(d: Pick<Deps, 'config'>, tx: Tx, now: Date): Promise<number> {
  const told = tx`(
    select n.id, n.channel_id as hearer, ch.namespace_key as namespace, n.ref, n.root, n.created_at
    from channel_notice n join channel ch on ch.id = n.channel_id and ch.enabled and 'still' = any(ch.events)
    where n.kind = 'outdated' and n.delivery_id is not null)`
  const { count } = await tx`
    with ${countedCauses(tx, d.config, now)}, ${still(tx, now, d.config.stillOutdatedDays, { told, notices: tx`channel_notice`, of: tx`channel_id` })}
    insert into channel_notice (kind, channel_id, ref, root, content, created_at)
    select 'still', hearer, ref, new_root, content, ${now} from due order by hearer, ref
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
