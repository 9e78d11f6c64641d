import type { Fragment, Tx } from '../db/postgres.ts'

/**
 * The SQL behind `with`, after countedCauses: `fresh`, which of `told` (rows of counted, each with its `hearer`) are news to the hearer, under
 * which root: columns of `told`, new_root. `notices`: the table that holds what they were told, `of`: its column of the hearer.
 *
 * News is what they were not told by that root; a base that is back at a digest told earlier, with another in between: "#2", "#3", …; and
 * what a snooze covered that has ended since.
 */
export const news = (
  sql: Tx,
  now: Date,
  { told, notices, of }: { told: Fragment; notices: Fragment; of: Fragment },
) => sql`
      fresh as (
        select k.*, case when told.times = 0 then k.root else k.root || '#' || told.times + 1 end as new_root
        from ${told} as k
        cross join lateral (
          select count(*) filter (where n.root = k.root or starts_with(n.root, k.root || '#')) as times,
            max(n.created_at) filter (where n.root = k.root or starts_with(n.root, k.root || '#')) as last_at,
            (array_agg(n.content ->> 'to' order by n.id desc) filter (where n.content ->> 'base' = k.base))[1] as last_to
          from ${notices} n where n.${of} = k.hearer and n.ref = k.ref and n.kind = 'outdated'
        ) as told
        left join snooze own on own.kind = 'tag' and own.ref = k.ref and own.expires_at <= ${now}
        left join snooze root on root.kind = 'base' and root.ref = k.base and root.expires_at <= ${now}
        left join snooze via on via.kind = 'base' and via.ref = k.via and via.expires_at <= ${now}
        where not k.held and (told.times = 0 or (k.own_root is null and told.last_to <> k.to_digest)
          or told.last_at < greatest(own.expires_at, root.expires_at, via.expires_at))
      )`
