/**
 * in: a tag. out: why it is outdated, each cause followed to the change outside; why it was last rebuilt; what is known of it at all.
 * guarantees: a number of statements that does not depend on how long the chains are; chains and cycles end.
 */
import type { Principal } from '../access/principal.ts'
import { readableBy } from '../access/readable-by.ts'
import type { Deps } from '../deps.ts'
import type { FoundTag } from './find-tag.ts'
import { type BuildRow, buildColumns, showBuilds } from './schemas/build.ts'
import type { Why } from './schemas/why.ts'
import {
  type CauseRow,
  rebuilds,
  showCause,
  showDate,
  showDateOrNull,
  showInstant,
  showInstantOrNull,
} from './show-tag.ts'
import { tagStatus } from './tag-status.ts'

/** Tags of a chain, builds of a chain. */
const longest = 50

/** `withRecipe`: the reader may see how it is built. Of the builds those that may be read, from the tag's own on. */
export async function why(
  d: Pick<Deps, 'sql' | 'db' | 'config' | 'clock'>,
  principal: Principal,
  { ref }: FoundTag,
  withRecipe: boolean,
): Promise<Why> {
  const tag = await tagStatus(d, ref, withRecipe)
  const [watch] = await d.sql<{ askedAt: Date | null; nextAt: Date; error: string | null }[]>`
    select asked_at, next_at, error from watch where ref = ${ref}`
  const asked = watch ? { ...watch, askedAt: showDateOrNull(watch.askedAt), nextAt: showDate(watch.nextAt) } : null
  return { ref, tag, watch: asked, chains: await chainsOf(d, ref), builds: await buildsTo(d, principal, ref) }
}

type Step = Why['chains'][number]['through'][number]
type Row = CauseRow & {
  pinned: boolean
  since: bigint
  movedAt: bigint | null
  through: string[]
}

/** An inherited cause is followed through the tags it came by: each has a cause of the same root, at last one without `via`. */
async function chainsOf(d: Pick<Deps, 'sql' | 'config' | 'clock'>, ref: string): Promise<Why['chains']> {
  const rows = await d.sql<Row[]>`
    with recursive way as (
      select c.tag_id, c.base, c.role, c.via as next, array[]::text[] as through
      from cause c join tag t on t.id = c.tag_id where t.ref = ${ref}
      union all
      select way.tag_id, way.base, way.role, above.via, way.through || way.next
      from way left join lateral (
        select c.via from cause c join tag t on t.id = c.tag_id
        where t.ref = way.next and c.base = way.base order by c.counted desc, c.role limit 1
      ) above on true
      where way.next is not null and not way.next = any(way.through) and cardinality(way.through) < ${longest}
    ), whole as (
      select distinct on (base, role) tag_id, base, role, through from way order by base, role, cardinality(through) desc
    )
    select c.tag_id, c.base, c.role, c.from_digest, c.to_digest, c.evidence::text[] as evidence, c.confidence, c.still_at, c.via, c.platforms,
      c.counted, c.pinned, c.since, whole.through,
      (select max(s.from_at) from tag root join tag_span s on s.tag_id = root.id
        where root.ref = c.base and s.digest = c.to_digest) as moved_at
    from whole join cause c using (tag_id, base, role) order by c.counted desc, c.base, c.role`
  const steps = [...new Set(rows.flatMap((row) => row.through))]
  const rebuild = await rebuilds(d, steps)
  const heads = await d.sql<Pick<Step, 'ref' | 'digest' | 'status'>[]>`
    select ref, head_digest as digest, status from tag where ref = any(${steps})`
  const known = new Map(heads.map((head) => [head.ref, head]))
  const stepOf = (step: string): Step => ({
    ...(known.get(step) ?? { ref: step, digest: null, status: null }),
    rebuild: rebuild(step),
  })
  return rows.map((row) => ({
    ...showCause(row),
    counted: row.counted,
    pinned: row.pinned,
    since: showInstant(row.since),
    movedAt: showInstantOrNull(row.movedAt),
    through: row.through.map(stepOf),
  }))
}

/** The build that pushed the present head, and, step by step, the one that pushed what it was built for. Each is older: it ends. */
async function buildsTo(d: Pick<Deps, 'sql' | 'config'>, principal: Principal, ref: string): Promise<Why['builds']> {
  const rows = await d.sql<BuildRow[]>`
    with recursive made as (
      (select build.*, 0 as depth from tag join build on build.ref = tag.ref and build.digest = tag.head_digest
       where tag.ref = ${ref} and build.state = 'succeeded' and build.job is null order by build.created_at desc limit 1)
      union all
      select earlier.*, made.depth + 1 from made cross join lateral (
        select * from build
        where build.ref = made.reason->>'base' and build.digest = made.reason->>'to' and build.state = 'succeeded'
          and build.created_at < made.created_at and build.job is null
        order by build.created_at desc limit 1
      ) earlier where made.depth < ${longest}
    )
    select ${buildColumns(d.sql)} from made
    where depth < coalesce((select min(depth) from made where not ${readableBy(d.sql, principal, d.sql`namespace_key`)}), ${longest + 1})
    order by depth`
  return showBuilds(d, principal, rows)
}
