import { keyOfRowSql } from '../access/key-of-ref.ts'
import type { Deps } from '../deps.ts'
import { heardBy, withHearers } from './heard-by.ts'

type Needs = Pick<Deps, 'sql' | 'config'>

/**
 * Namespaces, by key, with outdated tags that matter of which nobody hears: no person (heard-by.ts), and no channel of the namespace that
 * wants it. For whoever runs it: nobody is written to instead.
 */
export async function unheardNamespaces({ sql, config }: Needs): Promise<string[]> {
  const rows = await sql<{ namespace: string }[]>`
    with outdated as materialized (
      select distinct ${keyOfRowSql(sql, { config })} as namespace,
        g.name || '/' || r.name as repository
      from tag t join repository r on r.id = t.repository_id join registry g on g.id = r.registry_id
      where t.status = 'outdated' and t.ignored is null and t.head_digest is not null and not g.outside and not g.gone
    ), ${heardBy(sql, sql`select namespace, repository from outdated`)}
    select distinct o.namespace from outdated o
    where (o.namespace, o.repository) not in (select namespace, repository from ${withHearers(sql, sql`outdated`)} as heard_of)
      and not exists (select from channel c where c.namespace_key = o.namespace and c.enabled and 'outdated' = any(c.events))
    order by o.namespace`
  return rows.map(({ namespace }) => namespace)
}

/** How many there are, counted anew after `ms` at the earliest: owner rules make it dear, and it is asked for every few seconds. */
export function makeUnheardCount(
  d: Needs,
  ms: number,
  now: () => number = () => performance.now(),
): () => Promise<number> {
  let last: { at: number; count: Promise<number> } | null = null
  return () => {
    if (last !== null && now() - last.at < ms) return last.count
    const count = unheardNamespaces(d).then(({ length }) => length)
    const mine = { at: now(), count }
    count.catch(() => {
      if (last === mine) last = null
    })
    last = mine
    return count
  }
}
