import type { Deps } from '../deps.ts'
import { parseReference, tagRef } from '../oci/reference.ts'
import { nameOf } from './names.ts'
import { ApiError } from './problem.ts'
import type { LineageNode } from './schemas/lineage.ts'

/** A tag that stands, or a name that others give as their base: then without digest and status. `id`: of the row, null without. */
export type FoundTag = Pick<LineageNode, 'ref' | 'digest' | 'status' | 'platforms'> & { id: number | null }

/**
 * The tag somebody writes, on a registry of ours or outside. First as a repository of the only registry, as everywhere; where there
 * is no such tag, as a Docker client reads it: `debian:12`, which is watched on Docker Hub. Problem: `no-such-tag`.
 */
export async function findTag(d: Pick<Deps, 'sql' | 'config'>, text: string): Promise<FoundTag> {
  const own = nameOf(d, text)
  const outside = parseReference(text)
  const names = outside?.tag ? [own, tagRef(outside.host, outside.repository, outside.tag)] : [own]
  const rows = await d.sql<(FoundTag & { named: boolean | null })[]>`
    select tag.id, asked.ref, tag.head_digest as digest, tag.status,
      array(select platform->>'platform' from jsonb_array_elements(tag.platforms) platform order by 1) as platforms,
      case when tag.head_digest is null then (select count(*) > 0 from tag other
        where other.head_digest is not null and jsonb_path_query_array(other.platforms, '$[*].bases[*].ref') ? asked.ref) end as named
    from unnest(${names}::text[]) with ordinality as asked (ref, place) left join tag on tag.ref = asked.ref order by asked.place`
  const found = rows.find((row) => row.digest !== null) ?? rows.find((row) => row.named)
  if (found) {
    const { named: _, ...tag } = found
    return tag
  }
  const host = own.slice(0, own.indexOf('/'))
  if (!d.config.registries.some((registry) => registry.name === host))
    throw new ApiError(
      'no-such-registry',
      `${own} is on ${host}, which is not configured, and nothing here is based on it`,
    )
  throw new ApiError('no-such-tag', `${own} is not known, or was deleted`)
}
