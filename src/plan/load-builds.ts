import type { Tx } from '../db/postgres.ts'
import type { OwnPush, PlanBuild, PlanTag } from './assemble-plan.ts'
import { noLongerWanted } from './past-builds.ts'
import { isPast } from './stretch.ts'

type BuildRow = Omit<PlanBuild, 'reason'> & { ref: string; base: string | null; to: string | null }

/**
 * The builds of each tag, newest first, back to the latest that succeeded. What a person cancelled when a base was at a digest is not
 * what nobody wants when it is there again.
 */
export async function buildsOf(tx: Tx, refs: string[]): Promise<Map<string, PlanBuild[]>> {
  const rows = await tx<BuildRow[]>`
    select build.ref, build.id, build.state, build.key, coalesce(build.root, build.id::text) as root,
      build.automatic, build.reason->>'base' as base, build.reason->>'to' as "to", build.digest, build.bases,
      case when build.state = 'cancelled' and (plan.root <> build.root or ${isPast(tx)}) then ${noLongerWanted} else build.error->>'code' end as code,
      coalesce((build.error->>'retryable')::boolean, false) as retryable,
      build.finished_at
    from unnest(${refs}::text[]) as asked (ref) join build on build.ref = asked.ref and build.job is null left join plan on plan.id = build.plan_id
    left join lateral (
      select max(good.created_at) as at from build good where good.ref = asked.ref and good.state = 'succeeded' and good.job is null
    ) latest on true
    where latest.at is null or build.created_at >= latest.at
    order by build.ref, build.created_at desc, build.id`
  const builds = rows.map(({ ref, base, to, ...build }) => ({ ref, build: { ...build, reason: { base, to } } }))
  return new Map([...Map.groupBy(builds, (row) => row.ref)].map(([ref, of]) => [ref, of.map((row) => row.build)]))
}

/**
 * Where each tag's head is to the newest push of ours. Something older than that push was put back; something new was pushed over it.
 * A push that the registry never showed is waited for only until a head is seen that came after it.
 */
export async function standsOf(tx: Tx, refs: string[]): Promise<Map<string, PlanTag['stand']>> {
  type Row = {
    ref: string
    at: boolean
    pushed: number | null
    first: number | null
    latest: number | null
    later: boolean
  }
  const rows = await tx<Row[]>`
    select tag.ref, tag.head_digest is not distinct from mine.digest as at,
      (select min(seq) from tag_span where tag_id = tag.id and digest = mine.digest) as pushed, head.first, head.latest,
      coalesce(tag.head_at > (extract(epoch from mine.finished_at) * 1000)::bigint * 1000000, false) as later
    from unnest(${refs}::text[]) as asked (ref) join tag on tag.ref = asked.ref
    cross join lateral (
      select digest, finished_at from build where build.ref = asked.ref and build.digest is not null and build.job is null
      order by created_at desc limit 1) mine
    cross join lateral (
      select min(seq) as first, max(seq) as latest from tag_span where tag_id = tag.id and digest = tag.head_digest) head`
  return new Map(
    rows.map(({ ref, at, pushed, first, latest, later }) => {
      if (at) return [ref, 'at']
      if (pushed === null && !later) return [ref, 'unseen']
      const isNew = first !== null && (pushed === null ? first === latest : first > pushed)
      return [ref, isNew ? 'overtaken' : 'back']
    }),
  )
}

/**
 * Which of these digests builds of ours pushed, and through which builds they go back to an outside change: a build came because
 * of what an earlier build pushed, and so on. Each step is older, so that it ends.
 */
export async function ownPushes(tx: Tx, digests: string[]): Promise<Map<string, OwnPush>> {
  if (digests.length === 0) return new Map()
  const rows = await tx<{ digest: string; root: string; chain: string[]; refs: string[] }[]>`
    with recursive push as (
      select asked.digest, build.ref, coalesce(build.root, build.id::text) as root, build.reason->>'to' as came, build.created_at, 0 as depth
      from unnest(${digests}::text[]) as asked (digest) cross join lateral (
        select * from build where build.digest = asked.digest and build.job is null order by created_at desc limit 1) build
      union all
      select push.digest, build.ref, push.root, build.reason->>'to', build.created_at, push.depth + 1
      from push cross join lateral (
        select * from build where build.digest = push.came and build.job is null and build.created_at < push.created_at
        order by created_at desc limit 1) build
    )
    select push.digest, min(push.root) as root, array_agg(push.ref order by push.depth) as chain, (
      select array_agg(distinct pushed.ref) from build mine cross join lateral (
        select mine.ref union all
        select regexp_replace(mine.ref, '[^:]+$', '') || further from jsonb_array_elements_text(coalesce(mine.recipe->'tags', '[]')) further
      ) pushed where mine.digest = push.digest and mine.job is null) as refs
    from push group by push.digest`
  return new Map(rows.map(({ digest, ...push }) => [digest, push]))
}
