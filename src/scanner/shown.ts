import { keyOfRefSql } from '../access/key-of-ref.ts'
import type { Fragment, Sql, Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import type { ScannedTag } from './scanned-image.ts'

/** Counts up where the words of findings change, so that Portus is told anew. */
const wording = 3

/**
 * SQL: (ref, shown) of every tag with something to be shown: all tags at one digest in a registry show the same, as Portus keeps it (its
 * app/models/tag.rb, update_vulnerabilities), also those that do not matter by policy. `shown` is a hash of all that their findings depend
 * on: the image itself, the counted causes of those that matter, who may read the names in them, and where links lead. `only`: a condition on `t`.
 */
export const flaggedSql = (sql: Sql | Tx, d: Pick<Deps, 'config'>, only: Fragment) => sql`
  select ref, md5(${`${wording} ${d.config.publicUrl} `} || digest || ' ' || namespaces || ' ' || lines) as shown from (
    select r.registry_id, t.head_digest as digest, string_agg(distinct fact.line, ',' order by fact.line) as lines
    from cause c join tag t on t.id = c.tag_id join repository r on r.id = t.repository_id join registry g on g.id = r.registry_id
    left join namespace nb on nb.key = ${keyOfRefSql(sql, d, sql`c.base`)}
    left join namespace nv on nv.key = ${keyOfRefSql(sql, d, sql`c.via`)}
    cross join lateral (select concat_ws(' ', c.base, coalesce(c.via, '-'), coalesce(c.from_digest, '-'), c.to_digest, c.role, c.confidence,
      c.platforms, coalesce(nb.visibility::text, '-'), coalesce(nv.visibility::text, '-')) as line) fact
    where c.counted and t.head_digest is not null and t.ignored is null and not g.outside and ${only}
    group by r.registry_id, t.head_digest
  ) image cross join lateral (
    select array_agg(t.ref) as refs, string_agg(distinct r.namespace, ',' order by r.namespace) as namespaces
    from tag t join repository r on r.id = t.repository_id where t.head_digest = image.digest and r.registry_id = image.registry_id
  ) at cross join unnest(at.refs) as ref`

/** What is to be shown of these tags, by ref; "" of those with nothing. */
export async function shownOf(
  d: { sql: Sql | Tx; config: Deps['config'] },
  tags: readonly ScannedTag[],
): Promise<Map<string, string>> {
  const shown = new Map(tags.map(({ ref }) => [ref, '']))
  if (tags.length === 0) return shown
  const heads = d.sql`select head_digest from tag where id = any(${tags.map(({ id }) => id)}::int[])`
  const flagged = await d.sql<
    { ref: string; shown: string }[]
  >`${flaggedSql(d.sql, d, d.sql`t.head_digest = any(array(${heads}))`)}`
  for (const one of flagged) if (shown.has(one.ref)) shown.set(one.ref, one.shown)
  return shown
}
