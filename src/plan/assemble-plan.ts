/**
 * in: outdated tags with their counted causes, and up to their last bases the recipes and builds; the time.
 * out: the rebuild state of each tag, the builds to queue, the queued ones to withdraw, and when to look again.
 * guarantees: pure; need is computed from state alone, so that an event lost or doubled changes nothing. A tag is built when every
 * base it waits for is done, once for an outside change, never again with the same inputs; what follows from one change ends.
 */
import type { MayStart } from '../pause/may-start.ts'
import type { Pause } from '../pause/pauses.ts'
import { baseOrder } from './base-order.ts'
import { type Around, decideTag, type Outcome } from './decide-tag.ts'
import { type Lack, mayShare } from './settle.ts'

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

/**
 * `build`: the build that this state speaks of; `waitsFor`: refs, where it waits; `because`: why, in words, where that is not plain.
 * `movesWith`: the tag whose state this is: its recipe moves this one along.
 */
export type RebuildState = {
  state: RebuildStateName
  build: string | null
  waitsFor: string[]
  because?: string
  movesWith?: string
}

/** A counted cause. `from`, `to`: head digests of `base`; `since`: registry ns at which the present stretch began. */
export type PlanCause = {
  base: string
  from: string | null
  to: string
  via: string | null
  confidence: 'declared' | 'inferred' | 'ambiguous'
  pinned: boolean
  since: bigint
  /** of the tag, on which it is outdated; absent or empty: not known */
  platforms?: readonly string[]
}

export type PlanBuild = {
  id: string
  state: 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled'
  key: string
  /** the outside change it goes back to; its own id where somebody asked for it */
  root: string
  /** the planner's; not asked for by a person */
  automatic: boolean
  reason: { base: string | null; to: string | null }
  /** what it pushed, null where it has not */
  digest: string | null
  bases: readonly { name: string | null; digest: string }[]
  /** error code of a failure */
  code: string | null
  /** of a failure: the same build may well pass another time, as a registry, a git server or a host was away, or a disk full */
  retryable?: boolean
  finishedAt: Date | null
}

/** `base`: the recipe's own, canonical; `runnable`: a builder here can run it. */
export type PlanRecipe = { auto: boolean; runnable: boolean; base: string | null }

export type PlanTag = {
  ref: string
  /** when its head came, our clock or the registry's, whichever is earlier; null where it is deleted or unknown */
  headSince: Date | null
  causes: PlanCause[]
  /** what it is built for: by its recipe, else what it is there for now; absent or empty: not known */
  platforms?: readonly string[]
  /** as a base: what it had lately and has no more, unless our own build left it out */
  lacks?: readonly Lack[]
  /** of a registry that only is looked at */
  outside?: boolean
  /** names of the bases that count and are not pinned */
  bases: string[]
  /** of `bases`, candidates for one content: which of them it was built on is not certain */
  doubtful?: string[]
  /** names that declarations on its head give */
  declared: string[]
  recipe: PlanRecipe | null
  /** without a recipe of its own: the tag whose recipe names this one among its further tags */
  movesWith?: string | null
  /** key of a build made now; null where no automatic build can be */
  key: string | null
  /** newest first, back to the latest that succeeded */
  builds: PlanBuild[]
  /** where its head is to the newest push of ours: at it, not seen there yet, put back to something older, or pushed over with something new */
  stand: 'at' | 'unseen' | 'back' | 'overtaken' | null
  /** it does not matter, or is snoozed: nothing is built for it by itself */
  held?: boolean
  /** by what, where that is known */
  heldBy?: 'policy' | 'snooze' | undefined
  /** false: facts that may concern it wait to be judged */
  judged: boolean
  /** its head is a push of ours, made by a recipe that would build otherwise now: the root of that change */
  recipeChange?: string | null
  /** it was pushed platform by platform, and has all now that it had before */
  complete?: boolean
  /** whether a build that nobody asked for may start in its namespace now; default: it may */
  start?: MayStart
  /** what `start` speaks of, where that is a pause */
  pause?: Pick<Pause, 'scope' | 'by' | 'reason'> | undefined
}

/** The fan-out of a root, as far as it was made. Of one that is done a later cause may go on. `because`: why it waits or has ended, in words. */
export type RootPlan = {
  id: string
  state: 'approval' | 'open' | 'stopped' | 'cancelled' | 'done'
  because?: string | null
}

/**
 * A push of our own: the root of its build, and the tags that were built from the outside change to it, nearest first. `refs`: where
 * builds of ours pushed it; absent: wherever it is.
 */
export type OwnPush = { root: string; chain: readonly string[]; refs?: readonly string[] }

/**
 * `tags` holds, with each tag, all its bases at every depth. `pushes` by digest. `plans` by root; what has none yet is not held up.
 * `unjudged`: all that facts may concern which wait to be judged, in `tags` or not.
 */
export type PlanInput = {
  tags: readonly PlanTag[]
  pushes: ReadonlyMap<string, OwnPush>
  plans?: ReadonlyMap<string, RootPlan>
  unjudged?: ReadonlySet<string> | 'too-many'
}

/** `settle`: seconds. */
export type Policy = { now: Date; settle: number; observe: boolean }

/** `reason.plan`: the fan-out of its root, null where there is none (yet). `manual`: a person changed its recipe. */
export type WantedBuild = {
  ref: string
  root: string
  reason: {
    kind: 'base-moved' | 'manual'
    base: string | null
    from: string | null
    to: string | null
    plan: string | null
  }
  note: string | null
}

/** What is about to start a build, sooner or later, and the outside change it goes back to: a base that moved, or (null) the recipe. */
export type Trigger = { base: string | null; from: string | null; to: string | null; root: string }

export type Plan = {
  states: Map<string, RebuildState>
  queue: WantedBuild[]
  /** ids of queued automatic builds that are not wanted now */
  withdraw: string[]
  lookAgainAt: Date | null
  /** by tag, of those that may be built by themselves */
  triggers: Map<string, Trigger[]>
  /** tags that will change by themselves, or when a person lets them */
  moving: Set<string>
}

export function assemblePlan(input: PlanInput, policy: Policy): Plan {
  const tags = new Map(input.tags.map((tag) => [tag.ref, tag]))
  const basesOf = ({ bases, causes, movesWith = null }: PlanTag) =>
    [...bases, movesWith, ...causes.map((cause) => cause.via)].filter(
      (ref) => ref !== null && tags.has(ref),
    ) as string[]
  const decided = new Map<string, Outcome>()
  for (const group of baseOrder(tags.keys(), (ref) => basesOf(tags.get(ref)!)))
    decideGroup(
      group.map((ref) => tags.get(ref)!),
      tags,
      decided,
      { ...input, ...policy },
    )
  const times = [...decided.values()].flatMap(({ again }) => again?.getTime() ?? [])
  return {
    states: new Map([...decided].map(([ref, { rebuild }]) => [ref, rebuild])),
    queue: [...decided.values()].flatMap(({ queue }) => queue ?? []),
    withdraw: [...decided.values()].flatMap(({ withdraw }) => withdraw ?? []),
    lookAgainAt: times.length === 0 ? null : new Date(times.reduce((least, time) => Math.min(least, time))),
    triggers: new Map([...decided].flatMap(([ref, { triggers }]) => (triggers.length > 0 ? [[ref, triggers]] : []))),
    moving: new Set([...decided].flatMap(([ref, { moving }]) => (moving ? [ref] : []))),
  }
}

/**
 * Decides on a tag, or on the tags of a cycle, after all that they are based on. In a cycle those that wait are looked at again
 * until it is known of each whether what it waits for will come; so are those that only move along, with what became of their tag.
 */
function decideGroup(
  group: PlanTag[],
  tags: ReadonlyMap<string, PlanTag>,
  decided: Map<string, Outcome>,
  given: Policy & Pick<PlanInput, 'pushes' | 'plans'>,
): void {
  const isBuilding = (ref: string) => tags.get(ref)?.builds.some(isActive) ?? false
  const around: Around = {
    ...given,
    cycle: new Set(group.length > 1 ? group.map((tag) => tag.ref) : []),
    isMoving: (ref) => decided.get(ref)?.moving ?? isBuilding(ref),
    isDue: (ref) => {
      const known = decided.get(ref)
      return known ? known.moving && known.rebuild.state !== 'waiting' : isBuilding(ref)
    },
    headSince: (ref) => tags.get(ref)?.headSince ?? null,
    isComplete: (ref) => tags.get(ref)?.complete ?? false,
    lacks: (ref) => tags.get(ref)?.lacks ?? [],
    isOutside: (ref) => tags.get(ref)?.outside || (decided.get(ref)?.lagsOutside ?? false),
    outcomeOf: (ref) => decided.get(ref) ?? null,
    leaderOf: (ref) => tags.get(ref)?.movesWith ?? null,
    hasRoot: (ref, root, on) =>
      tags.get(ref)?.causes.some(({ base, platforms }) => base === root && mayShare(platforms, on)) ?? false,
  }
  const outcome = (tag: PlanTag) => decideTag(tag, around)
  for (const tag of group) decided.set(tag.ref, outcome(tag))
  for (let changed = group.length > 1; changed; ) {
    changed = false
    for (const tag of group) {
      const known = decided.get(tag.ref)!
      const mayCome = known.rebuild.state === 'waiting' || tag.movesWith
      if (!mayCome || known.moving || !outcome(tag).moving) continue
      decided.set(tag.ref, outcome(tag))
      changed = true
    }
  }
  if (group.length > 1) for (const tag of group) if (tag.movesWith) decided.set(tag.ref, outcome(tag))
}

const isActive = (build: PlanBuild): boolean => build.finishedAt === null
