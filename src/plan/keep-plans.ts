/**
 * in: what was decided on the tags that are outdated.
 * out: rows of `plan` and `plan_node`: made before anything of an outside change runs, taken up again, ended.
 * guarantees: one plan a root; whatever is queued of a root was foreseen by its plan, or added to it before.
 */
import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import type { Plan, PlanInput } from './assemble-plan.ts'
import { blockersOf, followPlans, type KnownPlan, type Wish } from './follow-plans.ts'
import { type Foreseen, foresee } from './foresee.ts'
import { type LoadedPreview, loadForward } from './load-preview.ts'
import { certainlyOver, endPlan, insertPlan, knownPlans, putNodes, reopenPlan } from './store-plans.ts'

type Needs = Pick<Deps, 'sql' | 'clock' | 'config' | 'log'>
type Whole = Foreseen & { truncated: boolean }

/** Brings the plans in line with what was decided. True where that changed whether something may start. */
export async function keepPlans(d: Needs, input: PlanInput, decided: Plan): Promise<boolean> {
  const triggers = [...decided.triggers.values()].flat()
  const roots = [...new Set(triggers.map(({ root }) => root))]
  const plans = await knownPlans(d.sql, roots, [...decided.triggers.keys()])
  const steps = followPlans(input, decided, plans)
  const foreseen = await foreseeAll(d, [...steps.make, ...steps.add], input)
  let changed = steps.add.length + steps.reopen.length > 0
  for (const wish of steps.make) changed = (await makeOne(d, wish, foreseen.get(wish.root)!)) || changed
  for (const { plan, ...wish } of steps.add) await extend(d, plan, wish, foreseen.get(plan.root)!)
  for (const plan of steps.reopen) await d.sql.begin((tx) => reopenPlan(d, tx, plan))
  for (const plan of await certainlyOver(d.sql, steps.end, input))
    await d.sql.begin((tx) => endPlan(d, tx, plan, blockersOf(plan.root, input, decided)))
  return changed
}

async function makeOne(d: Needs, wish: Wish, foreseen: Whole): Promise<boolean> {
  const nodes = withUnforeseen(foreseen, wish)
  const plan = await d.sql.begin((tx) => insertPlan(d, tx, wish, { ...foreseen, nodes }))
  if (plan) d.log.info({ plan: plan.id, root: wish.root, nodes: nodes.length, state: plan.state }, 'plan made')
  return plan !== null
}

/** Tags that got a recipe since, or are concerned in another way than was foreseen. */
const extend = (d: Needs, plan: KnownPlan, wish: Wish, foreseen: Whole): Promise<void> =>
  d.sql.begin(async (tx) => {
    await putNodes(tx, plan.id, withUnforeseen(foreseen, wish))
    await reopenPlan(d, tx, plan)
  })

/**
 * What is loaded and played grows with what these changes concern, not with how many they are. Where that is more than is looked at
 * for one of them, in parts.
 */
async function foreseeAll(d: Needs, wishes: readonly Wish[], known: PlanInput): Promise<Map<string, Whole>> {
  if (wishes.length === 0) return new Map()
  const bases = [...new Set(wishes.flatMap(({ from }) => from))]
  const most = wishes.length > 1 ? 'all' : 'nearest'
  const loaded = (await d.sql.begin('isolation level repeatable read read only', (tx: Tx) =>
    loadForward(d, tx, bases, most, known),
  )) as LoadedPreview | null
  if (loaded === null) {
    const half = Math.ceil(wishes.length / 2)
    const parts = [wishes.slice(0, half), wishes.slice(half)]
    const found = [await foreseeAll(d, parts[0]!, known), await foreseeAll(d, parts[1]!, known)]
    return new Map(found.flatMap((part) => [...part]))
  }
  const all = foresee(
    loaded.input,
    wishes.map(({ root }) => root),
  )
  return new Map([...all].map(([root, one]) => [root, { ...one, truncated: loaded.truncated || one.cut }]))
}

/** One node a tag. Beside those foreseen what is due without: beyond what was looked at, or in a state that only time tells. */
function withUnforeseen({ nodes }: Foreseen, { refs }: Wish): Foreseen['nodes'] {
  const all = new Map(nodes.map((node) => [node.ref, node]))
  for (const ref of refs)
    if ((all.get(ref)?.level ?? null) === null)
      all.set(ref, { ref, level: 1, because: null, waitsFor: [], seconds: null })
  return [...all.values()]
}
