import type { Principal } from '../access/principal.ts'
import { readableRef } from '../access/readable-by.ts'
import type { Deps } from '../deps.ts'
import { namesOf } from './names.ts'
import { ApiError } from './problem.ts'
import type { LineageNode } from './schemas/lineage.ts'

/** A tag that stands, or a name that others give as their base: then without digest and status. */
export type FoundTag = Pick<LineageNode, 'ref' | 'digest' | 'status' | 'platforms'>

/**
 * The tag somebody writes, on a registry of ours or outside, known by itself or only as somebody's base (its registry cannot be
 * reached, or it was deleted), among what the principal may read. Problems: `no-such-tag`, `no-such-registry`.
 */
export async function findTag(d: Pick<Deps, 'sql' | 'config'>, principal: Principal, text: string): Promise<FoundTag> {
  const names = namesOf(d, text)
  const rows = await d.sql<FoundTag[]>`
    select asked.ref, tag.head_digest as digest, tag.status,
      array(select platform->>'platform' from jsonb_array_elements(tag.platforms) platform order by 1) as platforms
    from unnest(${names}::text[]) with ordinality as asked (ref, place) left join tag on tag.ref = asked.ref
    where ${readableRef(d, principal, d.sql`asked.ref`)} and (tag.head_digest is not null or exists (
      select from tag_base join tag other on other.id = tag_base.tag_id and other.head_digest is not null
      where tag_base.base = asked.ref))
    order by tag.head_digest is null, asked.place limit 1`
  const [found] = rows
  if (found) return found
  const [own] = names
  const host = own.slice(0, own.indexOf('/'))
  if (d.config.registries.some((registry) => registry.name === host))
    throw new ApiError('no-such-tag', `${own} is not known, or was deleted`)
  throw new ApiError(
    'no-such-registry',
    `${own} is on ${host}, which is not configured, and nothing here is based on it`,
  )
}
