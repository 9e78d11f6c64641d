import type { TagsReadBy } from '../access/tags-read-by.ts'
import type { Deps } from '../deps.ts'
import { type NewerBase, newerBases, type WithBases } from './newer-bases.ts'

/** Registry, namespace, `host/repository`; nulls where all. `mine`: of the tags that may be read; without it all. */
export type NewerScope = {
  host: string | null
  namespace: string | null
  repository: string | null
  ignored: boolean
  mine?: TagsReadBy
}
export type WithNewer = { ref: string; newer: NewerBase[] }

/** Tags read for one page, at most: what has a newer base cannot be asked of the database. */
const mostRead = 5000
const readAtOnce = 500

/**
 * A page of the tags with a newer base, by ref, and the ref that the next page begins after (null: this was the last). A page may hold
 * fewer than its limit, even none, with more to come.
 */
export async function listNewer(
  d: Pick<Deps, 'sql'>,
  scope: NewerScope,
  page: { after: string | null; limit: number },
): Promise<{ items: WithNewer[]; next: string | null }> {
  const items: WithNewer[] = []
  let after = page.after
  for (let read = 0; read < mostRead; read += readAtOnce) {
    const tags = await tagsAfter(d, scope, after)
    const found = await newerBases(d, tags)
    for (const { ref } of tags) {
      const newer = found.get(ref)
      if (newer && items.length === page.limit) return { items, next: items.at(-1)!.ref }
      if (newer) items.push({ ref, newer })
    }
    if (tags.length < readAtOnce) return { items, next: null }
    after = tags.at(-1)!.ref
  }
  return { items, next: after }
}

const tagsAfter = (d: Pick<Deps, 'sql'>, scope: NewerScope, after: string | null) => d.sql<WithBases[]>`
  select t.ref, array(
      select distinct base->>'ref' from jsonb_array_elements(t.platforms) platform, jsonb_array_elements(platform->'bases') base
      where base->>'ref' is not null) as bases
  from ${scope.mine?.from() ?? d.sql`tag`} t join repository r on r.id = t.repository_id join registry g on g.id = r.registry_id
  where t.head_digest is not null and not g.outside and ${scope.mine?.where() ?? d.sql`true`} and (${after}::text is null or t.ref > ${after})
    and (t.ignored is null or ${scope.ignored})
    and (${scope.host}::text is null or g.name = ${scope.host})
    and (${scope.namespace}::text is null or r.namespace = ${scope.namespace})
    and (${scope.repository}::text is null or g.name || '/' || r.name = ${scope.repository})
  order by t.ref limit ${readAtOnce}`
