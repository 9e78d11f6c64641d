import type { Tx } from '../db/postgres.ts'
import type { Edge } from './grow-tree.ts'

/** What is read of a level. `cut`: those of `refs` of which not all edges are among the rows. */
export type Level = { edges: Edge[]; cut: string[] }

/** The bases, or the dependents, of these refs: by ref in the order given, then by name; not more than `most`. */
export async function edgesOf(tx: Tx, direction: 'up' | 'down', refs: string[], most: number): Promise<Level> {
  const rows = await (direction === 'up' ? basesOf(tx, refs, most + 1) : dependentsOf(tx, refs, most + 1))
  const left = rows[most]
  return { edges: rows.slice(0, most), cut: left ? refs.slice(refs.indexOf(left.parent)) : [] }
}

/** How two tags are related, over the platforms on which they are: the strongest role, the weakest confidence. */
const relation = (tx: Tx) => tx`
  case when bool_or(base->>'role' = 'runtime') then 'runtime' when bool_or(base->>'role' = 'build') then 'build' else 'unknown' end as role,
  case when bool_or(base->>'confidence' = 'ambiguous') then 'ambiguous' when bool_or(base->>'confidence' = 'inferred') then 'inferred'
    else 'declared' end as confidence,
  array_agg(distinct platform->>'platform' order by platform->>'platform') as platforms`

/** A base that has no row (outside, unreachable) comes with nulls. */
const basesOf = (tx: Tx, refs: string[], most: number) => tx<Edge[]>`
  select asked.ref as parent, found.ref, base_tag.head_digest as digest, base_tag.status, found.role, found.confidence, found.platforms
  from unnest(${refs}::text[]) with ordinality as asked (ref, place)
  join tag on tag.ref = asked.ref and tag.head_digest is not null
  cross join lateral (
    select base->>'ref' as ref, ${relation(tx)}
    from jsonb_array_elements(tag.platforms) platform cross join jsonb_array_elements(platform->'bases') base
    where base->>'ref' is not null group by 1
  ) found left join tag base_tag on base_tag.ref = found.ref
  order by asked.place, found.ref limit ${most}`

/**
 * Parent by parent, and of too many dependents those known longest: so of a base with 50,000 no more than `most` tags are opened, nor
 * are they sorted by a name that stands elsewhere. `offset 0`: else the planner goes through all tags in the order asked for.
 */
const dependentsOf = (tx: Tx, refs: string[], most: number) => tx<Edge[]>`
  select asked.ref as parent, tag.ref, tag.head_digest as digest, tag.status, found.role, found.confidence, found.platforms
  from unnest(${refs}::text[]) with ordinality as asked (ref, place)
  cross join lateral (
    select tag_id from (select tag_id from tag_base where base = asked.ref offset 0) named order by tag_id limit ${most}
  ) dependent join tag on tag.id = dependent.tag_id and tag.head_digest is not null
  cross join lateral (
    select ${relation(tx)}
    from jsonb_array_elements(tag.platforms) platform cross join jsonb_array_elements(platform->'bases') base
    where base->>'ref' = asked.ref
  ) found
  order by asked.place, tag.ref limit ${most}`

/** No more than this is counted. */
const countedAtMost = 100_000

/** How many bases, or dependents, each of these has; those that have none are left out. A deleted tag counts until that is judged. */
export async function countEdges(tx: Tx, direction: 'up' | 'down', refs: string[]): Promise<Map<string, number>> {
  if (refs.length === 0) return new Map()
  const rows = await (direction === 'up' ? countBases(tx, refs) : countDependents(tx, refs))
  return new Map(rows.filter((row) => row.count > 0).map((row) => [row.ref, row.count]))
}

type Count = { ref: string; count: number }

const countBases = (tx: Tx, refs: string[]) => tx<Count[]>`
  select tag.ref, count(distinct base->>'ref')::int as count
  from tag cross join jsonb_array_elements(tag.platforms) platform cross join jsonb_array_elements(platform->'bases') base
  where tag.ref = any(${refs}) and tag.head_digest is not null group by tag.ref`

const countDependents = (tx: Tx, refs: string[]) => tx<Count[]>`
  select asked.ref, found.count from unnest(${refs}::text[]) as asked (ref) cross join lateral (
    select count(*)::int as count from (
      select from tag_base where tag_base.base = asked.ref limit ${countedAtMost}
    ) named
  ) found`

/** Of the tags at this digest, those that some of `dependents` are based on as well. */
export async function sharedAliases(tx: Tx, digest: string, dependents: string[]): Promise<string[]> {
  const rows = await tx<{ ref: string }[]>`
    select distinct base->>'ref' as ref
    from tag cross join jsonb_array_elements(tag.platforms) platform cross join jsonb_array_elements(platform->'bases') base
    where tag.ref = any(${dependents}) and base->>'ref' in (select ref from tag where head_digest = ${digest}) order by 1`
  return rows.map((row) => row.ref)
}
