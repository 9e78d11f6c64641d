import { keyOfRowSql } from '../access/key-of-ref.ts'
import type { Fragment } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { lockPeople, mergePeople } from './merge-people.ts'
import type { Visibility } from './person.ts'

/** A namespace as GET /namespaces shows it. `outdated`: its tags that are. */
export type NamespaceView = {
  key: string
  visibility: Visibility
  repositories: number
  tags: number
  outdated: number
  members: number
}

/** Makes the row where there is none, and, as the source "local", sets the visibility where one is given. */
export function setVisibility(d: Pick<Deps, 'sql'>, key: string, visibility?: Visibility): Promise<void> {
  return d.sql.begin(async (tx) => {
    await lockPeople(tx)
    await tx`
      insert into namespace_said as n (source, key, visibility) values ('local', ${key}, ${visibility ?? null}::visibility)
      on conflict (source, key) do update set visibility = coalesce(excluded.visibility, n.visibility)`
    await mergePeople(tx, { people: [], namespaces: [key], members: [] })
  })
}

type Needs = Pick<Deps, 'sql' | 'config'>

/** Every namespace that has repositories, or was given members, a visibility or credentials; by key. `mine`: a condition on `key`; without it all. */
export async function listNamespaces(
  d: Needs,
  page: { cursor: string | null; limit: number; mine?: Fragment },
): Promise<{ items: NamespaceView[]; next: string | null }> {
  const found = await views(d, { key: null, after: page.cursor, limit: page.limit + 1, mine: page.mine ?? d.sql`true` })
  const items = found.slice(0, page.limit)
  return { items, next: found.length > page.limit ? (items.at(-1)?.key ?? null) : null }
}

/** Null where nothing is known under that key. */
export async function getNamespace(d: Needs, key: string): Promise<NamespaceView | null> {
  const [found] = await views(d, { key, after: null, limit: 1, mine: d.sql`true` })
  return found ?? null
}

/** One page of keys first, then the counts for these alone. */
function views(
  d: Needs,
  page: { key: string | null; after: string | null; limit: number; mine: Fragment },
): Promise<NamespaceView[]> {
  return d.sql<NamespaceView[]>`
    with held as (
      select r.id, ${keyOfRowSql(d.sql, d)} as key
      from repository r join registry g on g.id = r.registry_id where not g.outside
    ), page as (
      select key from (select key from held union select key from namespace) as known
      where (${page.key}::text is null or key = ${page.key}) and (${page.after}::text is null or key > ${page.after}) and ${page.mine}
      order by key limit ${page.limit}
    )
    select page.key, coalesce(n.visibility, 'private')::text as visibility, count(distinct held.id)::int as repositories,
      count(t.id)::int as tags, count(t.id) filter (where t.status = 'outdated' and t.ignored is null)::int as outdated,
      (select count(*)::int from member m where m.namespace_key = page.key) as members
    from page left join namespace n on n.key = page.key left join held on held.key = page.key
    left join tag t on t.repository_id = held.id and t.head_digest is not null
    group by page.key, n.visibility order by page.key`
}
