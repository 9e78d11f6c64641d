import type { z } from 'zod'
import type { Deps } from '../deps.ts'
import type { Lineage, LineageNode } from './schemas/tag.ts'

type Node = z.infer<typeof LineageNode>
type Edge = { parent: string; ref: string; role: Node['role']; platforms: string[] }

/** Nodes of one answer; beyond them the tree is cut and says so. */
const most = 2000

/**
 * The tree above or below a tag, level by level from the stored verdicts. A tag that stands in several places is opened at the
 * first; the others, and the end of a cycle, say `again`.
 */
export async function lineage(
  d: Pick<Deps, 'sql'>,
  ref: string,
  direction: 'up' | 'down',
): Promise<z.infer<typeof Lineage>> {
  const edges = new Map<string, Edge[]>()
  const seen = new Set([ref])
  let frontier = [ref]
  let truncated = false
  while (frontier.length > 0) {
    const found = await (direction === 'up' ? basesOf(d, frontier) : childrenOf(d, frontier))
    for (const edge of found) edges.set(edge.parent, [...(edges.get(edge.parent) ?? []), edge])
    const fresh = [...new Set(found.map((edge) => edge.ref))].filter((name) => !seen.has(name))
    truncated = found.length > most || seen.size + fresh.length > most
    if (truncated) break
    for (const name of fresh) seen.add(name)
    frontier = fresh
  }
  const states = await statesOf(d, [...seen, ...[...edges.values()].flat().map((edge) => edge.ref)])
  const opened = new Set<string>()
  const grow = (name: string, edge: Edge | null): Node => {
    const again = opened.has(name)
    opened.add(name)
    const below = again ? [] : (edges.get(name) ?? [])
    const { digest = null, status = null } = states.get(name) ?? {}
    return {
      ref: name,
      digest,
      status,
      platforms: edge?.platforms ?? [],
      role: edge?.role ?? null,
      again,
      children: below.map((e) => grow(e.ref, e)),
    }
  }
  return { direction, truncated, root: grow(ref, null) }
}

const basesOf = (d: Pick<Deps, 'sql'>, refs: string[]) => d.sql<Edge[]>`
  select t.ref as parent, base->>'ref' as ref, min(base->>'role') as role, array_agg(distinct platform->>'platform') as platforms
  from tag t, jsonb_array_elements(t.platforms) platform, jsonb_array_elements(platform->'bases') base
  where t.ref = any(${refs}) and t.head_digest is not null and base->>'ref' is not null group by 1, 2 order by 1, 2`

/** Children by the index on the names their verdicts hold. */
const childrenOf = (d: Pick<Deps, 'sql'>, refs: string[]) => d.sql<Edge[]>`
  select base->>'ref' as parent, t.ref, min(base->>'role') as role, array_agg(distinct platform->>'platform') as platforms
  from tag t, jsonb_array_elements(t.platforms) platform, jsonb_array_elements(platform->'bases') base
  where t.head_digest is not null and jsonb_path_query_array(t.platforms, '$[*].bases[*].ref') ?| ${refs}::text[]
    and base->>'ref' = any(${refs}) group by 1, 2 order by 1, 2 limit ${most + 1}`

async function statesOf(
  d: Pick<Deps, 'sql'>,
  refs: string[],
): Promise<Map<string, { digest: string | null; status: Node['status'] }>> {
  const rows = await d.sql<{ ref: string; digest: string | null; status: Node['status'] }[]>`
    select ref, head_digest as digest, status from tag where ref = any(${refs})`
  return new Map(rows.map((row) => [row.ref, row]))
}
