import type { Deps } from '../deps.ts'
import { heardBy, hears, repositoryOfRef } from '../people/heard-by.ts'
import { countedCauses } from './counted-causes.ts'
import { isOff } from './every.ts'
import { raiseFollowUps } from './follow-ups.ts'

/** Any number, the same in every process: notices are raised by one at a time. */
export const raiseLock = 7_233_007

/**
 * A notice for each counted cause of a tag and everybody who hears of its repository and has not heard of it.
 *
 * Root, which a chain reaction shares: "base@to"; where `to` was pushed by a build of ours, that build's root, or its id where
 * somebody asked for it (the roots src/plan gives to what follows). A rebuilt base is thus no news to whom was told of the change
 * it was rebuilt for. While a build of ours that may have pushed `to` runs, the cause is held: its row does not know yet what it
 * pushed.
 * Nothing of a tag that does not matter or is snoozed, nor of a cause whose base is; when a snooze has ended what it covered is
 * news, also to whom it was told before.
 * A base that comes back to a digest told earlier, after another one, is news: the root then gets "#2", "#3", …
 *
 * Who wants no mail of the namespace is left out, and hears of what is outdated still when they want it again. Then the follow-ups.
 *
 * One statement each; nothing is read into memory. Key: (user_name, ref, root, kind). `held`: causes to look at again soon.
 */
export async function raiseNotices(
  d: Pick<Deps, 'sql' | 'clock' | 'config'>,
): Promise<{ raised: number; held: number }> {
  const now = d.clock()
  return d.sql.begin(async (tx) => {
    await tx`select pg_advisory_xact_lock(${raiseLock})`
    const [counts] = await tx<{ raised: number; held: number }[]>`
      with ${countedCauses(tx, d.config, now)}, ${heardBy(tx, tx`select namespace, ${repositoryOfRef(tx, tx`ref`)} as repository from counted`)}, fresh as (
        select k.*, heard.user_name, told.times
        from counted k
        join heard on ${hears(tx, tx`k.namespace`, repositoryOfRef(tx, tx`k.ref`))}
        cross join lateral (
          select count(*) filter (where n.root = k.root or starts_with(n.root, k.root || '#')) as times,
            max(n.created_at) filter (where n.root = k.root or starts_with(n.root, k.root || '#')) as last_at,
            (array_agg(n.content ->> 'to' order by n.id desc) filter (where n.content ->> 'base' = k.base))[1] as last_to
          from notice n where n.user_name = heard.user_name and n.ref = k.ref and n.kind = 'outdated'
        ) as told
        left join snooze own on own.kind = 'tag' and own.ref = k.ref and own.expires_at <= ${now}
        left join snooze root on root.kind = 'base' and root.ref = k.base and root.expires_at <= ${now}
        left join snooze via on via.kind = 'base' and via.ref = k.via and via.expires_at <= ${now}
        where not k.held and not ${isOff(tx, tx`heard.user_name`, tx`k.namespace`)}
          and (told.times = 0 or (k.own_root is null and told.last_to <> k.to_digest)
            or told.last_at < greatest(own.expires_at, root.expires_at, via.expires_at))
      ), raised as (
        insert into notice (user_name, namespace, ref, root, content, created_at)
        select user_name, namespace, ref, case when times = 0 then root else root || '#' || times + 1 end, content, ${now}::timestamptz
        from fresh order by user_name, namespace, ref, (own_root is not null), base
        on conflict (user_name, ref, root, kind) do nothing
        returning 1
      )
      select (select count(*)::int from raised) as raised, (select count(*)::int from counted where held) as held`
    if (!counts) throw new Error('a count gave no row')
    return { ...counts, raised: counts.raised + (await raiseFollowUps(d, tx, now)) }
  })
}
