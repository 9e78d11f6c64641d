/**
 * in: what was decided on the tags that are outdated.
 * out: rows of `plan` and `plan_node`: made before anything of an outside change runs, taken up again, ended.
 * guarantees: one plan a root; whatever is queued of a root was foreseen by its plan, or added to it before.
 */
import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import type { Plan, PlanInput, Trigger } from './assemble-plan.ts'
import { blockersOf, followPlans, type KnownPlan } from './follow-plans.ts'
import { type Foreseen, foresee } from './foresee.ts'
import { loadForward } from './load-preview.ts'
import { certainlyOver, endPlan, insertPlan, knownPlans, putNodes, reopenPlan } from './store-plans.ts'

type Needs = Pick<Deps, 'sql' | 'clock' | 'config' | 'log'>

/** Brings the plans in line with what was decided. True where that changed whether something may start. */
export async function keepPlans(d: Needs, input: PlanInput, decided: Plan): Promise<boolean> {
  const triggers = [...decided.triggers.values()].flat()
  const roots = [...new Set(triggers.map(({ root }) => root))]
  const plans = await knownPlans(d.sql, roots, [...decided.triggers.keys()])
  const steps = followPlans(input, decided, plans)
  let changed = false
  for (const wish of steps.make) changed = (await makeOne(d, wish, input)) || changed
  for (const { plan, cause, refs } of steps.add) changed = (await extend(d, { plan, cause, refs }, input)) || changed
  for (const plan of steps.reopen) await d.sql.begin((tx) => reopenPlan(d, tx, plan))
  for (const plan of await certainlyOver(d.sql, steps.end, input))
    await d.sql.begin((tx) => endPlan(d, tx, plan, blockersOf(plan.root, input, decided)))
  return changed || steps.reopen.length > 0
}

async function makeOne(
  d: Needs,
  wish: { root: string; cause: Trigger; refs: string[] },
  known: PlanInput,
): Promise<boolean> {
  const foreseen = await foreseeRoot(d, wish, known)
  const whole = { ...foreseen, nodes: [...foreseen.nodes, ...unforeseen(foreseen, wish.refs)] }
  const plan = await d.sql.begin((tx) => insertPlan(d, tx, wish, { ...whole, nodes: merged(whole.nodes) }))
  if (plan) d.log.info({ plan: plan.id, root: wish.root, nodes: whole.nodes.length, state: plan.state }, 'plan made')
  return plan !== null
}

/** Tags that got a recipe since, or are concerned in another way than was foreseen. */
async function extend(
  d: Needs,
  { plan, cause, refs }: { plan: KnownPlan; cause: Trigger; refs: string[] },
  known: PlanInput,
): Promise<boolean> {
  const foreseen = await foreseeRoot(d, { root: plan.root, cause }, known)
  const nodes = merged([...foreseen.nodes, ...unforeseen(foreseen, refs)])
  await d.sql.begin(async (tx) => {
    await putNodes(tx, plan.id, nodes)
    await reopenPlan(d, tx, { ...plan, state: 'open' })
  })
  return true
}

const foreseeRoot = async (
  d: Needs,
  { root, cause }: { root: string; cause: Trigger },
  known: PlanInput,
): Promise<Foreseen & { truncated: boolean }> => {
  const { input, truncated } = (await d.sql.begin('isolation level repeatable read read only', (tx: Tx) =>
    loadForward(d, tx, cause.base, known),
  )) as Awaited<ReturnType<typeof loadForward>>
  const foreseen = foresee(input, root)
  return { ...foreseen, truncated: truncated || foreseen.cut }
}

/** What is due without having been foreseen: beyond what was looked at, or in a state that only time tells. */
const unforeseen = ({ nodes }: Foreseen, refs: readonly string[]): Foreseen['nodes'] => {
  const known = new Set(nodes.flatMap(({ ref, level }) => (level === null ? [] : [ref])))
  return refs
    .filter((ref) => !known.has(ref))
    .map((ref) => ({ ref, level: 1, because: null, waitsFor: [], seconds: null }))
}

/** One node a tag: the last that is given of it. */
const merged = (nodes: Foreseen['nodes']): Foreseen['nodes'] => [
  ...new Map(nodes.map((node) => [node.ref, node])).values(),
]
