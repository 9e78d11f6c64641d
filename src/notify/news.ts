import type { Fragment, Tx } from '../db/postgres.ts'

/**
 * The SQL behind `with`, after countedCauses: `fresh`, which of `told` (rows of counted, each with its `hearer`) are news to the hearer, under
 * which root: columns of `told`, new_root, and stay, to be kept in the notice's content: {stay: registry time at which the base came to where it is}. `notices`: the table that holds what they were told, `of`: its column of the hearer.
 *
 * News is what they were not told by that root; a base that is back at a digest told earlier, with another in between: "#2", "#3", …; and
 * what a snooze covered that has ended since. Another in between is one that they were told of last, or one that the base's timeline has after
 * the stay that they were told of: times of one registry are compared, and nothing else.
 */
export const news = (
  sql: Tx,
  now: Date,
  { told, notices, of }: { told: Fragment; notices: Fragment; of: Fragment },
) => sql`
      stays as materialized (
        select b.ref, b.head_digest as digest, here.from_at,
          (select max(other.from_at) from tag_span other where other.tag_id = b.id and other.to_at is not null and other.digest <> b.head_digest) as elsewhere
        from tag b join tag_span here on here.tag_id = b.id and here.to_at is null and here.digest = b.head_digest
        where b.ref in (select base from counted)
      ), fresh as (
        select k.*, case when stays.from_at is null then '{}' else jsonb_build_object('stay', stays.from_at::text) end as stay,
          case when told.times = 0 then k.root else k.root || '#' || told.times + 1 end as new_root
        from ${told} as k left join stays on stays.ref = k.base and stays.digest = k.to_digest
        cross join lateral (
          select count(*) filter (where n.root = k.root or starts_with(n.root, k.root || '#')) as times,
            max(n.created_at) filter (where n.root = k.root or starts_with(n.root, k.root || '#')) as last_at,
            (array_agg(n.content order by n.id desc) filter (where n.content ->> 'base' = k.base))[1] as last
          from ${notices} n where n.${of} = k.hearer and n.ref = k.ref and n.kind = 'outdated'
        ) as told
        left join snooze own on own.kind = 'tag' and own.ref = k.ref and own.expires_at <= ${now}
        left join snooze root on root.kind = 'base' and root.ref = k.base and root.expires_at <= ${now}
        left join snooze via on via.kind = 'base' and via.ref = k.via and via.expires_at <= ${now}
        where not k.held and (told.times = 0 or (k.own_root is null and told.last ->> 'to' <> k.to_digest)
          or (k.own_root is null and case when told.last ->> 'stay' ~ '^[0-8]?[0-9]{1,18}$' then stays.elsewhere > (told.last ->> 'stay')::bigint end)
          or told.last_at < greatest(own.expires_at, root.expires_at, via.expires_at))
      )`
