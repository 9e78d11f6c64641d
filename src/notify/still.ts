import type { Fragment, Tx } from '../db/postgres.ts'

const day = 86_400
const week = 7 * day

/**
 * The SQL behind `with`, after countedCauses: `due`, what is outdated still so many `days` after hearers were told of it, all of it at once, a
 * week after their last reminder at the earliest: hearer, namespace, ref, new_root (#1, #2, … of the cause's), content. Told "days ago" by a
 * clock that was ahead counts too. `told`: what they were told of as outdated (id, hearer, namespace, ref, root, created_at), of those who
 * want it; `notices`, `of`: as in news.ts.
 */
export const still = (
  sql: Tx,
  now: Date,
  days: number,
  { told, notices, of }: { told: Fragment; notices: Fragment; of: Fragment },
) => sql`
      reminded as (
        select distinct on (${of}) ${of} as hearer, created_at from ${notices} where kind = 'still' order by ${of}, id desc
      ), late as (
        select distinct on (n.hearer, n.ref, k.root) n.hearer, n.namespace, n.ref, k.root, k.content
        from counted k join ${told} as n on n.ref = k.ref and n.namespace = k.namespace and (n.root = k.root or starts_with(n.root, k.root || '#'))
          and not exists (select from ${notices} newer where newer.${of} = n.hearer and newer.ref = n.ref and newer.kind = 'outdated'
            and newer.id > n.id and (newer.root = k.root or starts_with(newer.root, k.root || '#')))
        left join reminded on reminded.hearer = n.hearer
        where abs(extract(epoch from ${now}::timestamptz - n.created_at)) >= ${days * day}
          and (reminded.created_at is null or abs(extract(epoch from ${now}::timestamptz - reminded.created_at)) >= ${week})
        order by n.hearer, n.ref, k.root, n.id desc
      ), due as (
        select hearer, namespace, ref, content, root || '#' || 1 + (
          select count(*) from ${notices} n
          where n.${of} = late.hearer and n.ref = late.ref and n.kind = 'still' and starts_with(n.root, late.root || '#')) as new_root
        from late
      )`
