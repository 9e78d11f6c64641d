/**
 * in: outdated tags with their counted causes, recipes and builds, and the time.
 * out: for each its rebuild state, the builds to queue now, and when to look again.
 * guarantees: pure; need is computed from state alone, so that an event lost or doubled changes nothing. A tag is built at most
 * once for one outside change, only when every base it waits for is done, never twice with the same inputs.
 */

/** States as the API shows them. */
export type RebuildStateName =
  | 'none'
  | 'manual'
  | 'pinned'
  | 'settling'
  | 'waiting'
  | 'approval'
  | 'paused'
  | 'queued'
  | 'running'
  | 'failed'

/** `build`: the queued, running or failed build; `waitsFor`: refs. */
export type RebuildState = { state: RebuildStateName; build: string | null; waitsFor: string[] }

/** A counted cause. `to`: the base's present head; `toRoot`: the outside change behind it where one of our builds pushed it. */
export type PlanCause = {
  base: string
  from: string | null
  to: string
  via: string | null
  confidence: 'declared' | 'inferred' | 'ambiguous'
  pinned: boolean
  /** null: pushed by somebody else; settles. else: the `root` of our build that pushed it (its own id for a manual one) */
  toRoot: string | null
  /** when the base came to where it is, our clock or the registry's, whichever is earlier */
  baseSince: Date
}

export type PlanRecipe = { auto: boolean; runnable: boolean; base: string | null }

export type PlanBuild = { id: string; key: string; automatic: boolean }

export type PlanTag = {
  ref: string
  recipe: PlanRecipe | null
  causes: PlanCause[]
  /** counted bases with a build under way */
  busyBases: string[]
  /** key of a build made now */
  key: string | null
  queued: PlanBuild | null
  running: PlanBuild | null
  /** the latest that succeeded */
  built: { id: string; key: string; root: string | null } | null
  /** failures with the present key since then, newest first */
  failures: { id: string; code: string; finishedAt: Date }[]
}

export type Policy = { now: Date; settle: number; observe: boolean }

export type Wanted = {
  ref: string
  root: string
  reason: { kind: 'base-moved'; base: string; from: string | null; to: string; plan: null }
}

export type Plan = {
  states: Map<string, RebuildState>
  queue: Wanted[]
  /** ids of queued automatic builds that nothing wants any more */
  cancel: string[]
  lookAgainAt: Date | null
}

/** Failures that another try with the same inputs cannot mend. */
const final = new Set(['still-outdated', 'cancelled'])

/** Hours to wait after the n-th failure. */
const backOff = [0, 0, 1, 2, 4, 8, 16, 32]

export function assemblePlan(tags: PlanTag[], policy: Policy): Plan {
  const byRef = new Map(tags.map((tag) => [tag.ref, tag]))
  const plan: Plan = { states: new Map(), queue: [], cancel: [], lookAgainAt: null }
  for (const tag of tags) {
    const decided = decide(tag, waitsFor(tag, byRef), policy)
    plan.states.set(tag.ref, decided.state)
    if (decided.want && (tag.queued === null || tag.queued.key !== tag.key)) plan.queue.push(decided.want)
    if (tag.queued?.automatic && !decided.want && decided.state.state !== 'queued') plan.cancel.push(tag.queued.id)
    if (decided.again && (plan.lookAgainAt === null || decided.again < plan.lookAgainAt))
      plan.lookAgainAt = decided.again
  }
  return plan
}

/**
 * What must be rebuilt first: the outdated bases that causes come through, and any counted base that is being built. Where two tags
 * would wait for each other (a cycle), neither waits for the other.
 */
function waitsFor(tag: PlanTag, byRef: Map<string, PlanTag>): string[] {
  const vias = viasOf(tag).filter((via) => !reaches(via, tag.ref, byRef))
  return [...new Set([...vias, ...tag.busyBases])].filter((ref) => ref !== tag.ref).sort()
}

const viasOf = (tag: PlanTag | undefined): string[] => (tag?.causes ?? []).flatMap((cause) => cause.via ?? [])

function reaches(from: string, to: string, byRef: Map<string, PlanTag>): boolean {
  const seen = new Set<string>()
  const next = [from]
  for (let ref = next.pop(); ref !== undefined; ref = next.pop()) {
    if (ref === to) return true
    if (seen.has(ref)) continue
    seen.add(ref)
    next.push(...viasOf(byRef.get(ref)))
  }
  return false
}

type Decision = { state: RebuildState; want: Wanted | null; again: Date | null }

function decide(tag: PlanTag, waits: string[], policy: Policy): Decision {
  const be = (state: RebuildStateName, build: string | null = null, again: Date | null = null): Decision => ({
    state: { state, build, waitsFor: state === 'waiting' ? waits : [] },
    want: null,
    again,
  })
  const { recipe, running, queued, causes } = tag
  if (running) return be('running', running.id)
  if (queued && !queued.automatic) return be('queued', queued.id)
  if (!recipe) return be('none')
  if (causes.length === 0) return be('none')
  if (causes.every((cause) => cause.pinned)) return be('pinned')
  if (!recipe.auto || !recipe.runnable) return be('manual')
  if (waits.length > 0) return be('waiting')
  const cause = causes.find((c) => c.via === null && (c.confidence !== 'ambiguous' || c.base === recipe.base))
  if (!cause) return be(causes.some((c) => c.via !== null) ? 'waiting' : 'manual')
  if (policy.observe) return be('paused')
  const root = cause.toRoot ?? `${cause.base}@${cause.to}`
  if (tag.built && (tag.built.key === tag.key || tag.built.root === root)) return be('failed', tag.built.id)
  const [latest] = tag.failures
  if (latest && final.has(latest.code)) return be('failed', latest.id)
  const retryAt = latest
    ? hoursAfter(latest.finishedAt, backOff[Math.min(tag.failures.length - 1, backOff.length - 1)]!)
    : null
  if (latest && retryAt && retryAt > policy.now) return be('failed', latest.id, retryAt)
  const settled = causes
    .filter((c) => c.via === null && c.toRoot === null)
    .map((c) => c.baseSince.getTime() + policy.settle * 1000)
  const settledAt = new Date(Math.max(0, ...settled))
  if (settledAt > policy.now) return be('settling', null, settledAt)
  const reason = { kind: 'base-moved' as const, base: cause.base, from: cause.from, to: cause.to, plan: null }
  return {
    state: { state: 'queued', build: queued?.id ?? null, waitsFor: [] },
    want: { ref: tag.ref, root, reason },
    again: null,
  }
}

const hoursAfter = (date: Date, hours: number): Date => new Date(date.getTime() + hours * 3_600_000)
