import type { Fragment, Sql, Tx } from '../db/postgres.ts'

/** The build of a follow-up, as its content has it, of a row `b`: {id, finishedAt, code}; what it said is looked up for those who may know. */
export const buildOfRow = (sql: Sql | Tx) => sql`
  jsonb_build_object('id', b.id, 'code', b.error ->> 'code',
    'finishedAt', to_char(b.finished_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))`

/** Seconds. A tag that was pushed anew longer ago is no news to somebody who begins to want to hear of such. */
const rebuiltAtMost = 30 * 86_400

/**
 * In SQL, rows: what of `told` (what hearers were told of as outdated: `n`, with id, hearer, ref, root and content) is current since a push that
 * came later, and not known to the hearer: columns of `told`, follow_up (its content; `build`: ours that made it, absent: somebody else's
 * push), and held: a build of the tag that runs may be what pushed it, and has not recorded that yet. `notices`, `of`: as in news.ts.
 */
export const rebuilt = (
  sql: Tx,
  now: Date,
  { told, notices, of }: { told: Fragment; notices: Fragment; of: Fragment },
) => sql`
    select n.*, (n.content - 'told') || coalesce(made.by, '{}') as follow_up,
      made.by is null and exists (select from build b where b.ref = n.ref and b.state = 'running' and b.job is null) as held
    from ${told} as n
    join tag t on t.ref = n.ref and t.status in ('current', 'artifact') and t.head_digest is not null and t.ignored is null
    left join lateral (
      select jsonb_build_object('build', ${buildOfRow(sql)}) as by from build b
      where b.ref = t.ref and b.digest = t.head_digest and b.state = 'succeeded' order by b.created_at desc limit 1
    ) as made on true
    where coalesce(n.content ->> 'told', 'outdated') = 'outdated'
      and t.head_at > ${(BigInt(now.getTime() - rebuiltAtMost * 1000) * 1_000_000n).toString()}::bigint
      and t.head_at > case when n.content ->> 'since' ~ '^[0-8]?[0-9]{1,18}$' then (n.content ->> 'since')::bigint else 0 end
      and not exists (select from cause c where c.tag_id = t.id and c.counted)
      and not exists (
        select from ${notices} known where known.${of} = n.hearer and known.ref = n.ref and known.root = n.root and known.kind = 'rebuilt')`
