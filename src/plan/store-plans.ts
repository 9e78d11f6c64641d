/** Rows of `plan` and `plan_node`, written by src/plan alone; one plan is made at a time. */
import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import type { PlanInput, Trigger } from './assemble-plan.ts'
import type { KnownPlan } from './follow-plans.ts'
import type { Foreseen, ForeseenNode } from './foresee.ts'
import { isPast, retirePast, stretchNow } from './stretch.ts'

/** Why a plan waits or has ended: a stable code, and words. */
export type Because = {
  code: 'too-many' | 'too-many-failures' | 'no-longer-wanted' | 'blocked' | 'cancelled'
  message: string
}

/** `approved`: how many were, null: none yet. */
const tooMany = (build: number, most: number, approved: number | null): Because => ({
  code: 'too-many',
  message:
    approved === null
      ? `${build} tags would be built, and more than ${most} need approval`
      : `${build} tags would be built, ${approved} were approved, and more than ${most} beyond that need it again`,
})

type Needs = Pick<Deps, 'clock' | 'config'>

/** A node that is to be built itself; what moves along with another is not. `node`: a row of plan_node. */
export const isToBuild = (tx: Tx, node: 'node' | 'plan_node') =>
  tx`(${tx(node)}.level is not null and ${tx(node)}.because is null)`

/** Any number, the same in every process: plans are made one after another, and cancelled between two. */
const planLock = 7_233_004

export const lockPlans = async (tx: Tx): Promise<void> => {
  await tx`select pg_advisory_xact_lock(${planLock})`
}

/** Makes the plan of a root, with all its nodes; its state. Nothing where there is one, unless that was of an earlier stretch. */
export async function insertPlan(
  d: Needs,
  tx: Tx,
  { root, cause }: { root: string; cause: Trigger },
  { nodes, cycles, seconds, truncated }: Foreseen & { truncated: boolean },
): Promise<{ id: string; state: 'approval' | 'open' } | null> {
  const build = nodes.filter(({ level, because }) => level !== null && because === null).length
  const most = d.config.builds.approveOver
  const state = build > most ? 'approval' : 'open'
  const because = build > most ? JSON.stringify(tooMany(build, most, null)) : null
  await retirePast(tx, root)
  const [plan] = await tx<{ id: string }[]>`
    insert into plan (root, base, from_digest, to_digest, state, because, created_at, seconds, truncated, cycles)
    values (${root}, ${cause.base}, ${cause.from}, ${cause.to}, ${state}, ${because}::text::jsonb, ${d.clock()}, ${seconds},
      ${truncated}, ${JSON.stringify(cycles)}::text::jsonb)
    on conflict (root) do nothing returning id`
  if (!plan) return null
  await tx`update plan set since = ${stretchNow(tx)} where id = ${plan.id}`
  await putNodes(tx, plan.id, nodes)
  return { id: plan.id, state }
}

/** Adds nodes; one that was known as not to be built is replaced by one that is. Names hold no blanks. */
export async function putNodes(tx: Tx, planId: string, nodes: readonly ForeseenNode[]): Promise<void> {
  if (nodes.length === 0) return
  const all = <T>(of: (node: ForeseenNode) => T) => nodes.map(of)
  await tx`
    insert into plan_node (plan_id, ref, level, because, waits_for, seconds)
    select ${planId}::uuid, ref, level, because, coalesce(string_to_array(nullif(waits, ''), ' '), '{}'), seconds
    from unnest(${all((n) => n.ref)}::text[], ${all((n) => n.level)}::int[], ${all((n) => n.because)}::text[],
      ${all((n) => n.waitsFor.join(' '))}::text[], ${all((n) => n.seconds)}::int[]) as node (ref, level, because, waits, seconds)
    on conflict (plan_id, ref) do update
    set level = excluded.level, because = excluded.because, waits_for = excluded.waits_for, seconds = excluded.seconds
    where (plan_node.level is null and excluded.level is not null) or (plan_node.because is not null and excluded.because is null)`
}

/** The plans of these roots, and those that are not over. `refs`: of these it is told which were foreseen. What is past has no root any more. */
export async function knownPlans(tx: Tx, roots: readonly string[], refs: readonly string[]): Promise<KnownPlan[]> {
  const rows = await tx<(Omit<KnownPlan, 'foreseen'> & { foreseen: string[] })[]>`
    select plan.id, case when ${isPast(tx)} then plan.root || '#' || plan.id else plan.root end as root, plan.state, array(
      select node.ref from plan_node node where node.plan_id = plan.id and ${isToBuild(tx, 'node')} and node.ref = any(${[...refs]})
    ) as foreseen
    from plan where plan.root = any(${[...roots]}) or plan.state in ('open', 'approval', 'stopped')`
  return rows.map((row) => ({ ...row, foreseen: new Set(row.foreseen) }))
}

/** Of these plans those of which no tag waits to be judged: what follows from a push may not be known yet. The refresh plans again. */
export async function certainlyOver(
  tx: Tx,
  plans: readonly KnownPlan[],
  { unjudged = new Set() }: Pick<PlanInput, 'unjudged'>,
): Promise<KnownPlan[]> {
  if (unjudged === 'too-many') return []
  if (plans.length === 0 || unjudged.size === 0) return [...plans]
  const refs = [...unjudged]
  const rows = await tx<{ id: string }[]>`
    select id from plan where id = any(${plans.map(({ id }) => id)}::uuid[])
      and (base = any(${refs}) or exists (select from plan_node where plan_id = plan.id and ref = any(${refs})))`
  const unsure = new Set(rows.map(({ id }) => id))
  return plans.filter(({ id }) => !unsure.has(id))
}

/** Bases that a message names. */
const mostNamed = 10

const blockedBy = (bases: readonly string[]): Because => {
  const more = bases.length > mostNamed ? ` and ${bases.length - mostNamed} more` : ''
  const message = `nothing was built: its tags wait for bases that stay outdated: ${bases.slice(0, mostNamed).join(', ')}${more}`
  return { code: 'blocked', message }
}

const unwanted: Because = {
  code: 'no-longer-wanted',
  message: 'nothing was built: the base moved on, is back at what it was, or everything was done otherwise',
}

/** Over, until a cause of the same root comes up again. `blockers`: what its tags wait for that will not come by itself. */
export async function endPlan({ clock }: Needs, tx: Tx, plan: KnownPlan, blockers: readonly string[]): Promise<void> {
  const because = blockers.length > 0 ? blockedBy(blockers) : unwanted
  await tx`
    update plan set state = 'done', ended_at = ${clock()}, since = ${stretchNow(tx)}, because = case when exists (
      select from build where plan_id = plan.id and state in ('succeeded', 'failed')) then null
      else ${JSON.stringify(because)}::text::jsonb end
    where id = ${plan.id} and state in ('open', 'approval', 'stopped')`
}

/**
 * Goes on; or asks for approval (again) where it has more tags to build than were approved, by more than may be built without. One that
 * was stopped stays so.
 */
export async function reopenPlan({ config }: Needs, tx: Tx, plan: Pick<KnownPlan, 'id'>): Promise<void> {
  const most = config.builds.approveOver
  const [size] = await tx<{ build: number; approved: number | null }[]>`
    select approved_nodes as approved,
      (select count(*)::int from plan_node where plan_id = plan.id and ${isToBuild(tx, 'plan_node')}) as build
    from plan where id = ${plan.id} and state in ('done', 'open', 'approval') for update`
  if (!size) return
  const asks = size.build > (size.approved ?? 0) + most
  await tx`
    update plan set ended_at = null, since = ${stretchNow(tx)}, state = ${asks ? 'approval' : 'open'},
      because = ${asks ? JSON.stringify(tooMany(size.build, most, size.approved)) : null}::text::jsonb
    where id = ${plan.id}`
}

/** Only what has not begun; whoever would have run it finds it over. Answers how many. */
export async function withdrawBuilds(
  d: Pick<Deps, 'clock' | 'log'>,
  tx: Tx,
  which: { ids: readonly string[] } | { planId: string },
  error: { code: string; message: string },
): Promise<number> {
  const mine = 'ids' in which ? tx`id = any(${[...which.ids]}::uuid[])` : tx`plan_id = ${which.planId}`
  const gone = await tx<{ ref: string }[]>`
    update build set state = 'cancelled', finished_at = ${d.clock()}, error = ${JSON.stringify(error)}::text::jsonb
    where ${mine} and state = 'queued' and automatic and job is null returning ref`
  if (gone.length > 0)
    d.log.info({ builds: gone.map(({ ref }) => ref), because: error.code }, 'queued builds withdrawn')
  return gone.length
}
