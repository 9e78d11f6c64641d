import type { Deps } from '../deps.ts'
import { countedCauses } from '../notify/counted-causes.ts'
import { raiseLock } from '../notify/raise-notices.ts'
import { raiseChannelFollowUps } from './raise-channel-follow-ups.ts'

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
      with ${countedCauses(tx, d.config, now)}, fresh as (
        select k.*, ch.id as channel_id, told.times
        from counted k
        join channel ch on ch.namespace_key = k.namespace and ch.enabled and 'outdated' = any(ch.events)
        cross join lateral (
          select count(*) filter (where n.root = k.root or starts_with(n.root, k.root || '#')) as times,
            max(n.created_at) filter (where n.root = k.root or starts_with(n.root, k.root || '#')) as last_at,
            (array_agg(n.content ->> 'to' order by n.id desc) filter (where n.content ->> 'base' = k.base))[1] as last_to
          from channel_notice n where n.channel_id = ch.id and n.ref = k.ref and n.kind = 'outdated'
        ) as told
        left join snooze own on own.kind = 'tag' and own.ref = k.ref and own.expires_at <= ${now}
        left join snooze root on root.kind = 'base' and root.ref = k.base and root.expires_at <= ${now}
        left join snooze via on via.kind = 'base' and via.ref = k.via and via.expires_at <= ${now}
        where not k.held
          and (told.times = 0 or (k.own_root is null and told.last_to <> k.to_digest)
            or told.last_at < greatest(own.expires_at, root.expires_at, via.expires_at))
      ), raised as (
        insert into channel_notice (channel_id, kind, ref, root, content, created_at)
        select channel_id, 'outdated', ref, case when times = 0 then root else root || '#' || times + 1 end, content, ${now}::timestamptz
        from fresh order by channel_id, ref, (own_root is not null), base
        on conflict (channel_id, ref, root, kind) do nothing
        returning 1
      )
      select (select count(*)::int from raised) as raised,
        (select count(*)::int from counted k where held and exists (
          select from channel ch where ch.namespace_key = k.namespace and ch.enabled)) as held`
    if (!counts) throw new Error('a count gave no row')
    return { ...counts, raised: counts.raised + (await raiseChannelFollowUps(d, tx, now)) }
  })
}
