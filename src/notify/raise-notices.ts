import type { Deps } from '../deps.ts'
import { isCauseSnoozed, isTagSnoozed } from '../policy/snoozed.ts'

/** Any number, the same in every process: notices are raised by one at a time. */
export const raiseLock = 7_233_007

/**
 * A notice for each owner and contributor of a namespace and each counted cause of a tag in it that they have not heard of.
 *
 * Root, which a chain reaction shares: "base@to"; where `to` was pushed by a build of ours, that build's root, or its id where
 * somebody asked for it (the roots src/plan gives to what follows). A rebuilt base is thus no news to whom was told of the change
 * it was rebuilt for. While a build of ours that may have pushed `to` runs, the cause is held: its row does not know yet what it
 * pushed.
 * Nothing of a tag that does not matter or is snoozed, nor of a cause whose base is; when a snooze has ended what it covered is
 * news, also to whom it was told before.
 * A base that comes back to a digest told earlier, after another one, is news: the root then gets "#2", "#3", …
 *
 * One statement; nothing is read into memory. Key: (user_name, ref, root, kind). `held`: causes to look at again soon.
 */
export async function raiseNotices(
  d: Pick<Deps, 'sql' | 'clock' | 'config'>,
): Promise<{ raised: number; held: number }> {
  const several = d.config.registries.length > 1
  const now = d.clock()
  return d.sql.begin(async (tx) => {
    await tx`select pg_advisory_xact_lock(${raiseLock})`
    const [counts] = await tx<{ raised: number; held: number }[]>`
      with running as materialized (
        select regexp_replace(ref, ':[^:]*$', '') as repository,
          extract(epoch from started_at - interval '1 minute') * 1000000000 as after
        from build where state = 'running' and job is null
      ), counted as materialized (
        select distinct on (t.ref, c.base) t.ref, c.base, c.via, c.to_digest, own.root as own_root,
          coalesce(own.root, c.base || '@' || c.to_digest) as root,
          case when ${several} then g.name || '/' || r.namespace else r.namespace end as namespace,
          own.root is null and exists (
            select from running join tag b on b.ref = c.base
            where b.head_digest = c.to_digest and b.head_at >= running.after
              and running.repository = regexp_replace(c.base, ':[^:]*$', '')) as held,
          jsonb_build_object('base', c.base, 'role', c.role, 'from', c.from_digest, 'to', c.to_digest, 'evidence', c.evidence,
            'confidence', c.confidence, 'stillAt', c.still_at, 'via', c.via, 'platforms', c.platforms, 'pinned', c.pinned,
            'since', c.since::text) as content
        from cause c join tag t on t.id = c.tag_id
        join repository r on r.id = t.repository_id join registry g on g.id = r.registry_id
        left join lateral (
          select coalesce(b.root, b.id::text) as root from build b where b.digest = c.to_digest
          order by (b.root is null), b.created_at limit 1
        ) as own on true
        where c.counted and t.head_digest is not null and t.ignored is null and not g.outside
          and not ${isTagSnoozed(tx, now)} and not ${isCauseSnoozed(tx, now)}
        order by t.ref, c.base, c.role
      ), fresh as (
        select k.*, p.name as user_name, told.times
        from counted k
        join member m on m.namespace_key = k.namespace and (m.told or m.role in ('owner', 'contributor'))
        join person p on p.name = m.user_name and p.enabled and not p.bot and p.email <> ''
        cross join lateral (
          select count(*) filter (where n.root = k.root or starts_with(n.root, k.root || '#')) as times,
            max(n.created_at) filter (where n.root = k.root or starts_with(n.root, k.root || '#')) as last_at,
            (array_agg(n.content ->> 'to' order by n.id desc) filter (where n.content ->> 'base' = k.base))[1] as last_to
          from notice n where n.user_name = p.name and n.ref = k.ref
        ) as told
        left join snooze own on own.kind = 'tag' and own.ref = k.ref and own.expires_at <= ${now}
        left join snooze root on root.kind = 'base' and root.ref = k.base and root.expires_at <= ${now}
        left join snooze via on via.kind = 'base' and via.ref = k.via and via.expires_at <= ${now}
        where not k.held
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
    return counts
  })
}
