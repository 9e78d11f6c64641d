import type {
  PlanCause,
  PlanInput,
  PlanTag,
  Policy,
  RebuildState,
  RebuildStateName,
  Trigger,
  WantedBuild,
} from './assemble-plan.ts'
import { pastBuilds } from './past-builds.ts'
import { rootOf } from './root-of.ts'
import { type Lack, lackedBy, settledAt } from './settle.ts'
import { lagsOutside, staleBases } from './stale-bases.ts'
import { type Judged, judgeTriggers } from './triggers.ts'
import {
  failedFor,
  heldWords,
  noBuilder,
  notAgain,
  notAsked,
  notByThese,
  notInPlans,
  notNow,
  observing,
  putBack,
} from './why-not.ts'

/**
 * `wanted`: a build is due, whatever is queued or running. `held`: it is, and must not begin; one that is queued already stays.
 * `moving`: it will change by itself, so that what is built on it had better wait. `again`: when time alone changes it.
 */
export type Outcome = {
  rebuild: RebuildState
  wanted: WantedBuild | null
  held: boolean
  moving: boolean
  again: Date | null
  triggers: Trigger[]
  queue: WantedBuild | null
  withdraw: string | null
  /** all it is outdated by comes through what lags outside */
  lagsOutside: boolean
}

/**
 * `cycle`: the tags of its cycle, itself included; empty where it is in none. `isDue`: it is moving and waits for nothing.
 * `isComplete`: a base that was pushed platform by platform has all of them; `lacks`: it has not, yet. `hasRoot`: it is outdated because
 * that base moved, on one of these platforms. `isOutside`: nobody here can do anything about how it lags. `outcomeOf`: of what is decided.
 * `leaderOf`: the tag that it moves along with.
 */
export type Around = Policy &
  Pick<PlanInput, 'pushes' | 'plans'> & {
    cycle: ReadonlySet<string>
    isMoving: (ref: string) => boolean
    isDue: (ref: string) => boolean
    headSince: (ref: string) => Date | null
    isComplete: (ref: string) => boolean
    lacks: (ref: string) => readonly Lack[]
    hasRoot: (ref: string, root: string, platforms: readonly string[]) => boolean
    isOutside: (ref: string) => boolean
    outcomeOf: (ref: string) => Outcome | null
    leaderOf: (ref: string) => string | null
  }

type More = Partial<Omit<RebuildState, 'because'>> & Partial<Outcome> & { because?: string | null }

const be = (state: RebuildStateName, more: More = {}): Outcome => ({
  rebuild: {
    ...{ state, build: more.build ?? null, waitsFor: more.waitsFor ?? [] },
    ...(more.because ? { because: more.because } : {}),
  },
  wanted: null,
  held: false,
  moving: more.moving ?? false,
  again: more.again ?? null,
  triggers: [],
  queue: null,
  withdraw: null,
  lagsOutside: false,
})

/** Decides on one tag, when all that it is based on is decided. The rules in their order; docs/design/plan.md. */
export const decideTag = (tag: PlanTag, around: Around): Outcome => ({
  ...(tag.movesWith ? along(tag.movesWith, around) : withBuilds(tag, decide(tag, around))),
  lagsOutside: lagsOutside(tag, around),
})

/** It has no build of its own: it is moved by each build of that tag, whatever it points at now, and so is about to change when that is. */
function along(leader: string, { outcomeOf }: Around): Outcome {
  const { rebuild, moving } = outcomeOf(leader) ?? be('none')
  return { ...be('none', { moving }), rebuild: { ...rebuild, movesWith: leader } }
}

/** What would become of the tag if no build of it were queued or running. */
function decide(tag: PlanTag, around: Around): Outcome {
  const { causes, recipe, recipeChange = null } = tag
  const judged = judgeTriggers(tag, around)
  const triggers = judged.filter(({ bar }) => bar === null).map(({ cause }) => cause)
  const free = recipe?.auto && recipe.runnable && !around.observe && !tag.held
  const moving = free ? movingBases(tag, triggers, around) : []
  if (causes.length === 0 && recipeChange === null) return be('none')
  if (causes.every((cause) => cause.pinned) && recipeChange === null && moving.length === 0) return be('pinned')
  if (!recipe) return be('none')
  if (!recipe.auto || !recipe.runnable) return be('manual', { because: recipe.auto ? noBuilder : notAsked })
  const moves = triggers.map(({ base, from, to }) => ({ base, from, to, root: rootOf({ base, to }, around.pushes) }))
  const roots: Trigger[] = recipeChange === null || moves.length > 0 ? moves : [{ ...noBase, root: recipeChange }]
  if (tag.held) return be('paused', { because: heldWords(tag) })
  if (around.observe) return { ...be('paused', { because: observing }), triggers: roots }
  return { ...ofFree(tag, { judged, triggers, moving }, around), triggers: roots }
}

type Found = { judged: Judged[]; triggers: PlanCause[]; moving: string[] }

/** Of a tag that may be built by itself. */
function ofFree(tag: PlanTag, { judged, triggers, moving }: Found, around: Around): Outcome {
  const free = isFree(tag, triggers)
  const waitsFor = [...new Set([...staleBases(tag, free, around), ...moving])].sort()
  if (waitsFor.length > 0) return waiting(tag, waitsFor, around)
  if (!free) return barred(tag, judged, around)
  const settled = settledAt(triggers, around)
  if (settled && settled > around.now) return be('settling', { moving: true, again: settled })
  const lacked = lackedBy(tag, triggers, around)
  if (lacked.length > 0) return untilWhole(lacked)
  const past = pastBuilds(tag, around.now)
  if (past.say === 'failed' || past.say === 'stopped') {
    const build = tag.builds.find(({ id }) => id === past.build)
    const because = build?.state === 'succeeded' && tag.stand === 'back' ? putBack : notAgain(build, past.again)
    return be(past.say === 'failed' ? 'failed' : 'manual', { ...past, because, moving: past.again !== null })
  }
  if (past.say === 'unseen') return be('waiting', { ...past, moving: true })
  return inItsPlan(tag, triggers, around)
}

/** Why it waits in vain is told, where it does. A base that moves along with a tag that is to be built is waited for by that tag's name. */
function waiting(
  { ref: self }: PlanTag,
  bases: string[],
  { isMoving, isOutside, outcomeOf, leaderOf }: Around,
): Outcome {
  const stateOf = (ref: string) => outcomeOf(ref)?.rebuild.state ?? null
  const awaited = (base: string) => {
    const leader = leaderOf(base)
    return leader === null || leader === self || stateOf(leader) === 'none' ? base : leader
  }
  const waitsFor = [...new Set(bases.map(awaited))].sort()
  if (bases.some(isMoving)) return be('waiting', { waitsFor, moving: true })
  const whys: Partial<Record<RebuildStateName, string>> = {
    ...{ none: 'has no recipe', manual: 'stays outdated', pinned: 'names a digest in its FROM' },
    ...{ failed: 'could not be built', paused: 'is held', waiting: 'waits itself' },
  }
  const why = (ref: string): string => {
    const [state, leader] = [stateOf(ref) ?? 'waiting', leaderOf(ref)]
    const told = outcomeOf(leader ?? ref)?.rebuild.because
    const who = leader === null ? ref : `${ref} moves along with ${leader}, which`
    if (leader !== null && state === 'none') return `${who} is not to be built`
    if (isOutside(ref)) return `${who} lags, outside`
    if (told && told !== failedFor && /^(manual|paused|failed)$/.test(state))
      return `${who} ${state === 'paused' ? 'is held' : 'stays outdated'}: ${told}`
    return `${who} ${whys[state] ?? 'waits'}`
  }
  return be('waiting', { waitsFor, because: bases.map(why).join('; ') })
}

/** A base is being pushed platform by platform, or one was dropped: nothing is built on it for a platform that it had. */
function untilWhole(lacked: ReturnType<typeof lackedBy>): Outcome {
  const again = new Date(Math.min(...lacked.map(({ until }) => until.getTime())))
  const waitsFor = [...new Set(lacked.map(({ base }) => base))]
  const what = (base: string) => lacked.flatMap((lack) => (lack.base === base ? lack.platform : [])).join(', ')
  const words = waitsFor.map((base) => `${base} had ${what(base)} before, and has not yet`).join('; ')
  return be('settling', { waitsFor, moving: true, again, because: `${words}; waited for until ${again.toISOString()}` })
}

/**
 * It is due. Its plan may have to be approved, and its namespace may be paused, or its window closed. A changed recipe starts nothing on
 * bases whose plans are held up.
 */
function inItsPlan(tag: PlanTag, triggers: PlanCause[], around: Around): Outcome {
  const { ref, start, recipeChange } = tag
  const moves = triggers.map((cause) => ({ cause, root: rootOf(cause, around.pushes) }))
  const found = moves.length > 0 || !recipeChange ? moves : [{ cause: null, root: recipeChange }]
  const stateOf = (root: string) => around.plans?.get(root)?.state ?? 'open'
  const open = found.find(({ root }) => /^(open|done)$/.test(stateOf(root)))
  if (!open) {
    const because = notInPlans(found.map(({ root }) => around.plans?.get(root)))
    const over = found.every(({ root }) => stateOf(root) === 'cancelled')
    return over ? be('manual', { because }) : be('approval', { because, moving: true })
  }
  const wanted = wantedBecause(ref, open, around)
  if (!start || start.start) return { ...be('queued', { moving: true }), wanted }
  const paused = be('paused', { moving: true, again: start.again, because: notNow(tag) })
  return start.because === 'paused' ? { ...paused, wanted, held: true } : paused
}

/**
 * The bases that are about to change, whatever the tag is outdated by: when one has, the tag is built for that at the latest. One
 * that could be built itself waits in its cycle only for those that wait for nothing: two that wait for each other would for ever.
 */
function movingBases(tag: PlanTag, triggers: PlanCause[], { cycle, isMoving, isDue }: Around): string[] {
  const free = isFree(tag, triggers)
  return tag.bases.filter((base) => base !== tag.ref && (free && cycle.has(base) ? isDue(base) : isMoving(base)))
}

/** Only causes that start nothing. */
function barred(tag: PlanTag, judged: Judged[], { cycle }: Around): Outcome {
  const tried = judged.some(({ bar }) => bar === 'tried' || bar === 'cycle')
  const pushed = tag.builds.find((done) => done.digest !== null)
  const because = notByThese(tag, judged, pushed, cycle)
  if (!tried) return be('manual', { because })
  const build = pushed?.id ?? null
  if (tag.stand === 'unseen') return be('waiting', { build, moving: true })
  return tag.stand === 'back' ? be('manual', { build, because: putBack }) : be('failed', { build, because })
}

const noBase = { base: null, from: null, to: null }

/** Something of its own speaks for a build: a base that moved, or its recipe. */
const isFree = ({ recipeChange = null }: PlanTag, triggers: readonly PlanCause[]): boolean =>
  triggers.length > 0 || recipeChange !== null

type Because = { cause: PlanCause | null; root: string }

/** `cause` null: the recipe was changed. */
function wantedBecause(ref: string, { cause, root }: Because, { plans }: Around): WantedBuild {
  const plan = plans?.get(root)?.id ?? null
  if (cause === null) return { ref, root, reason: { kind: 'manual', ...noBase, plan }, note: 'the recipe changed' }
  const { base, from, to } = cause
  return { ref, root, reason: { kind: 'base-moved', base, from, to, plan }, note: null }
}

/** Brings the outcome together with the builds there are. While facts wait to be judged nothing is queued or withdrawn. */
function withBuilds(tag: PlanTag, outcome: Outcome): Outcome {
  const running = tag.builds.find((build) => build.state === 'running')
  const queued = tag.builds.find((build) => build.state === 'queued')
  const keep = queued && (!queued.automatic || !tag.judged || outcome.wanted !== null)
  const due = tag.judged && !running && (queued ? queued.automatic && queued.key !== tag.key : !outcome.held)
  const active = running ?? (keep ? queued : undefined)
  const isHeld = !running && outcome.held && queued?.automatic
  const state = running ? 'running' : isHeld ? 'paused' : 'queued'
  const because = isHeld ? outcome.rebuild.because : null
  const shown = active
    ? { ...be(state, { build: active.id, moving: true, because: because ?? null }), triggers: outcome.triggers }
    : outcome
  return { ...shown, queue: due ? outcome.wanted : null, withdraw: queued && !keep ? queued.id : null }
}
