/**
 * in: what was decided, and the fan-outs there are.
 * out: for which outside changes one has to be made, or taken up again; which are over; and whether one has to be stopped.
 * guarantees: pure; a fan-out is over when nothing of its root can come any more by itself or by a person's approval.
 */
import type { Plan, PlanInput, Trigger } from './assemble-plan.ts'
import { rootOf, rootsOf } from './root-of.ts'

/** `foreseen`: the tags to be built of it, as far as they were asked about. */
export type KnownPlan = {
  id: string
  root: string
  state: 'approval' | 'open' | 'stopped' | 'cancelled' | 'done'
  foreseen: ReadonlySet<string>
}

/** Of one outside change: why, for the first of the tags it is about to build; and from where on it has to be foreseen. */
export type Wish = { root: string; cause: Trigger; refs: string[]; from: string[] }

/** `add`: tags about to be built that it did not foresee; `reopen`: it was over. */
export type Steps = {
  make: Wish[]
  add: (Wish & { plan: KnownPlan })[]
  reopen: KnownPlan[]
  end: KnownPlan[]
}

export function followPlans(input: PlanInput, decided: Plan, plans: readonly KnownPlan[]): Steps {
  const known = new Map(plans.map((plan) => [plan.root, plan]))
  const mayBeOurs = ourOwn(input)
  const found = [...decided.triggers].flatMap(([ref, triggers]) =>
    triggers.flatMap((cause) => (mayBeOurs(cause) ? [] : [{ ref, cause }])),
  )
  const judged = new Set(input.tags.flatMap((tag) => (tag.judged ? [tag.ref] : [])))
  // What waits for a base that nobody rebuilds, or failed for good, starts nothing, whatever its causes.
  const isComing = (ref: string) => decided.moving.has(ref) || decided.states.get(ref)!.state === 'paused'
  const byRoot = Map.groupBy(
    found.filter(({ ref }) => judged.has(ref) && isComing(ref)),
    ({ cause }) => cause.root,
  )
  const steps: Steps = { make: [], add: [], reopen: [], end: [] }
  for (const [root, wishes] of byRoot) {
    const plan = known.get(root)
    const { cause } = wishes.find(({ cause: { base, to } }) => root === `${base}@${to}`) ?? wishes[0]!
    const wish = (of: typeof wishes): Wish => ({
      ...{ root, cause, refs: of.map(({ ref }) => ref) },
      from: [...new Set(of.map(({ ref, cause: { base } }) => base ?? ref))],
    })
    if (!plan) steps.make.push(wish(wishes))
    else if (plan.state !== 'cancelled') {
      const fresh = wishes.filter(({ ref }) => !plan.foreseen.has(ref))
      if (fresh.length > 0) steps.add.push({ plan, ...wish(fresh) })
    }
  }
  const alive = aliveRoots(input, decided)
  for (const plan of plans) {
    if (plan.state === 'done' && alive.has(plan.root)) steps.reopen.push(plan)
    if (/^(open|approval|stopped)$/.test(plan.state) && !alive.has(plan.root)) steps.end.push(plan)
  }
  return steps
}

/**
 * Whether a base may be where a running build of ours has just put it: the build's row does not know it yet, and a plan of such an "outside"
 * change would be of none. Nothing is lost: what is built on it waits for that build anyway, and its end is planned anew.
 */
function ourOwn({ tags }: PlanInput): (trigger: Trigger) => boolean {
  const running = new Set(
    tags.flatMap(({ ref, builds }) => (builds.some(({ state }) => state === 'running') ? [ref] : [])),
  )
  return ({ base, to, root }) => base !== null && running.has(base) && root === `${base}@${to}`
}

/** The outside changes of which something is queued, runs, settles, waits for what is moving, or will be tried again. */
function aliveRoots({ tags, pushes }: PlanInput, { moving, states, triggers, withdraw }: Plan): Set<string> {
  const held = [...triggers].flatMap(([ref, of]) =>
    states.get(ref)!.state === 'paused' ? of.map(({ root }) => root) : [],
  )
  const gone = new Set(withdraw)
  const builds = tags.flatMap((tag) =>
    tag.builds.flatMap(({ id, finishedAt, root }) => (finishedAt === null && !gone.has(id) ? [root] : [])),
  )
  const causes = tags.filter((tag) => moving.has(tag.ref)).flatMap((tag) => rootsOf(tag, pushes))
  return new Set([...builds, ...causes, ...held])
}

/** The bases that tags outdated by this change wait for though nothing will be done about them. */
export function blockersOf(root: string, { tags, pushes }: PlanInput, { states, moving }: Plan): string[] {
  const blocked = tags.filter(
    ({ ref, causes, recipeChange }) =>
      !moving.has(ref) && (recipeChange === root || causes.some((cause) => rootOf(cause, pushes) === root)),
  )
  return [...new Set(blocked.flatMap(({ ref }) => states.get(ref)?.waitsFor ?? []))].sort()
}

/** Of the first so many tags built on a new base the first build of each counts. */
export const triedFirst = 10
const mostFailures = triedFirst / 2

/** Whether more than half of them failed: at the sixth failure, whatever the rest would do. `ends`: each tag's first, oldest first. A smaller plan is not stopped. */
export const shouldStop = (ends: readonly ('succeeded' | 'failed')[], toBuild: number): boolean =>
  toBuild >= triedFirst && ends.slice(0, triedFirst).filter((end) => end === 'failed').length > mostFailures
