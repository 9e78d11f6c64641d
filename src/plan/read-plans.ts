/**
 * in: rows of `plan`, `plan_node` and `build`, and how rebuilds stand now.
 * out: plans as they are shown: what was foreseen, and of each node what has become of it.
 * guarantees: a page at a time; what is read grows with the page, not with the plan.
 */
import type { Fragment } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import type { RebuildStateName } from './assemble-plan.ts'
import type { KnownPlan } from './follow-plans.ts'
import { rebuildStates } from './rebuild-states.ts'
import { isToBuild } from './store-plans.ts'

export const buildStates = ['queued', 'running', 'succeeded', 'failed', 'cancelled'] as const

/** `builds`: of its builds, by state. `seconds`: expected when it was made, with builders enough. */
export type PlanRow = {
  id: string
  root: string
  /** null: recipes were changed */
  base: string | null
  from: string | null
  to: string | null
  state: KnownPlan['state']
  because: { code: string; message: string } | null
  createdAt: Date
  approvedBy: string | null
  approvedAt: Date | null
  /** tags to be built when it was approved */
  approvedNodes: number | null
  endedAt: Date | null
  seconds: number | null
  truncated: boolean
  cycles: string[][]
  nodes: number
  toBuild: number
  /** of these, tags that a build of it has pushed */
  built: number
  /** all that is to be built is the reader's to see: what was counted for everybody says no more than `toBuild` */
  whole: boolean
  builds: Partial<Record<(typeof buildStates)[number], number>>
}

/** Conditions on a plan's base, a node's ref, a build's namespace key: what of plans is counted and shown. */
export type PlanReader = {
  everything: boolean
  base(base: Fragment): Fragment
  node(ref: Fragment): Fragment
  build(key: Fragment): Fragment
}

const all = (d: Pick<Deps, 'sql'>): PlanReader => {
  const yes = () => d.sql`true`
  return { everything: true, base: yes, node: yes, build: yes }
}

const columns = (d: Pick<Deps, 'sql'>, { node, build }: PlanReader) => d.sql`
  plan.id, plan.root, plan.base, plan.from_digest as "from", plan.to_digest as "to", plan.state, plan.because, plan.created_at,
  plan.approved_by, plan.approved_at, plan.approved_nodes, plan.ended_at, plan.seconds, plan.truncated, plan.cycles,
  (select count(*)::int from plan_node where plan_id = plan.id and ${node(d.sql`ref`)}) as nodes,
  (select count(*)::int from plan_node where plan_id = plan.id and ${isToBuild(d.sql, 'plan_node')} and ${node(d.sql`ref`)}) as to_build,
  not exists (select from plan_node where plan_id = plan.id and ${isToBuild(d.sql, 'plan_node')} and not ${node(d.sql`ref`)}) as whole,
  (select count(distinct ref)::int from build where plan_id = plan.id and state = 'succeeded' and ${build(d.sql`namespace_key`)}) as built,
  (select coalesce(jsonb_object_agg(state, n), '{}') from (
    select state, count(*)::int as n from build where plan_id = plan.id and ${build(d.sql`namespace_key`)} group by state) counted) as builds`

const isSeen = (d: Pick<Deps, 'sql'>, mine: PlanReader) =>
  mine.everything
    ? d.sql`true`
    : d.sql`((plan.base is not null and ${mine.base(d.sql`plan.base`)})
        or exists (select from plan_node where plan_id = plan.id and ${mine.node(d.sql`ref`)}))`

/** Newest first; those after `after`. */
export const listPlans = (
  d: Pick<Deps, 'sql'>,
  {
    state,
    after,
    limit,
    mine = all(d),
  }: { state: KnownPlan['state'] | null; after: readonly [string, string] | null; limit: number; mine?: PlanReader },
): Promise<PlanRow[]> => d.sql<PlanRow[]>`
  select ${columns(d, mine)} from plan
  where ${isSeen(d, mine)} and (${state}::plan_state is null or plan.state = ${state}::plan_state)
    and (${after === null} or (plan.created_at, plan.id) < (${after?.[0] ?? '1970-01-01T00:00:00Z'}::timestamptz, ${after?.[1] ?? null}::uuid))
  order by plan.created_at desc, plan.id desc limit ${limit}`

export async function findPlan(d: Pick<Deps, 'sql'>, id: string, mine: PlanReader = all(d)): Promise<PlanRow | null> {
  const [row] = await d.sql<
    PlanRow[]
  >`select ${columns(d, mine)} from plan where plan.id = ${id} and ${isSeen(d, mine)}`
  return row ?? null
}

/** built: it was, for this plan, and is not outdated. current: it is not outdated, whatever did that. Else as a tag's rebuild. */
export type NodeState = RebuildStateName | 'built' | 'current'

/**
 * `because`: why it is not built, as foreseen. `waitsFor`: now, while it waits; else as foreseen. `built`: a build of this plan succeeded,
 * whatever the tag is now; `build` is the one that `state` speaks of.
 */
export type NodeRow = {
  ref: string
  level: number | null
  because: string | null
  waitsFor: string[]
  seconds: number | null
  state: NodeState
  built: boolean
  build: string | null
}

/** Where nodes that are not built stand in their order: behind all levels. */
export const lastLevel = 2_147_483_647

type Needs = Pick<Deps, 'sql' | 'config' | 'clock'>

/** In their order: by level, those not to be built last; then by name. */
export async function planNodes(
  d: Needs,
  planId: string,
  { after, limit, mine = all(d) }: { after: readonly [number, string] | null; limit: number; mine?: PlanReader },
): Promise<NodeRow[]> {
  const [level, ref] = after ?? [0, '']
  const rows = await d.sql<(Omit<NodeRow, 'state'> & { last: string | null; outdated: boolean })[]>`
    select node.ref, node.level, node.because, node.waits_for, node.seconds, build.id as build, build.state as last,
      exists (select from build good where good.plan_id = node.plan_id and good.ref = node.ref and good.state = 'succeeded') as built,
      exists (select from tag join cause on cause.tag_id = tag.id and cause.counted where tag.ref = node.ref) as outdated
    from plan_node node left join lateral (
      select id, state from build where plan_id = node.plan_id and build.ref = node.ref order by created_at desc, id limit 1) build on true
    where node.plan_id = ${planId} and ${mine.node(d.sql`node.ref`)} and (coalesce(node.level, ${lastLevel}), node.ref collate "C") > (${level}, ${ref} collate "C")
    order by coalesce(node.level, ${lastLevel}), node.ref collate "C" limit ${limit}`
  const states = await rebuildStates(
    d,
    rows.map((row) => row.ref),
  )
  return rows.map(({ last, outdated, ...node }) => {
    const now = states.get(node.ref)!
    const isOver = now.state === 'none' && !outdated
    const state = isOver ? (last === 'succeeded' ? 'built' : 'current') : now.state
    const build = isOver ? node.build : (now.build ?? node.build)
    return { ...node, state, build, waitsFor: now.waitsFor.length > 0 ? now.waitsFor : node.waitsFor }
  })
}
