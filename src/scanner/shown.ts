import { keyOfRefSql } from '../access/key-of-ref.ts'
import type { Fragment, Sql } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'

/** Counts up where the words of findings change, so that Portus is told anew. */
const wording = 2

/**
 * SQL: (ref, shown) of every tag with something to be shown; `shown` is a hash of all that its findings depend on: the image itself, its
 * counted causes, who may read their names, and where links lead. `only`: a condition on `t`.
 */
export const flaggedSql = (sql: Sql, d: Pick<Deps, 'config'>, only: Fragment) => sql`
  select t.ref, md5(${`${wording} ${d.config.publicUrl} `} || t.head_digest || string_agg(fact.line, ',' order by fact.line)) as shown
  from cause c join tag t on t.id = c.tag_id join repository r on r.id = t.repository_id join registry g on g.id = r.registry_id
  left join namespace nb on nb.key = ${keyOfRefSql(sql, d, sql`c.base`)}
  left join namespace nv on nv.key = ${keyOfRefSql(sql, d, sql`c.via`)}
  cross join lateral (select concat_ws(' ', c.base, coalesce(c.via, '-'), coalesce(c.from_digest, '-'), c.to_digest, c.role, c.confidence,
    c.platforms, coalesce(nb.visibility::text, '-'), coalesce(nv.visibility::text, '-')) as line) fact
  where c.counted and t.head_digest is not null and t.ignored is null and not g.outside and ${only}
  group by t.id`

/** What is to be shown of these tags, by ref; "" of those with nothing. */
export async function shownOf(d: Pick<Deps, 'sql' | 'config'>, ids: readonly number[]): Promise<Map<string, string>> {
  const rows = await d.sql<{ ref: string; shown: string }[]>`
    select tag.ref, coalesce(flagged.shown, '') as shown from tag
    left join (${flaggedSql(d.sql, d, d.sql`t.id = any(${[...ids]}::int[])`)}) flagged on flagged.ref = tag.ref
    where tag.id = any(${[...ids]}::int[])`
  return new Map(rows.map(({ ref, shown }) => [ref, shown]))
}
