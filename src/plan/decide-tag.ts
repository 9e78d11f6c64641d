import type {
  PlanCause,
  PlanInput,
  PlanTag,
  Policy,
  RebuildState,
  RebuildStateName,
  WantedBuild,
} from './assemble-plan.ts'
import { pastBuilds } from './past-builds.ts'
import { settledAt } from './settle.ts'
import { isCertain, type Judged, judgeTriggers } from './triggers.ts'

/**
 * `wanted`: a build is due, whatever is queued or running. `moving`: it will change by itself, so that what is built on it had
 * better wait. `again`: when time alone changes it.
 */
export type Outcome = {
  rebuild: RebuildState
  wanted: WantedBuild | null
  moving: boolean
  again: Date | null
  queue: WantedBuild | null
  withdraw: string | null
}

/** `cycle`: the tags of its cycle, itself included; empty where it is in none. */
export type Around = Policy & {
  pushes: PlanInput['pushes']
  cycle: ReadonlySet<string>
  isMoving: (ref: string) => boolean
  headSince: (ref: string) => Date | null
}

const be = (state: RebuildStateName, more: Partial<RebuildState> & Partial<Outcome> = {}): Outcome => ({
  rebuild: { state, build: more.build ?? null, waitsFor: more.waitsFor ?? [] },
  wanted: null,
  moving: more.moving ?? false,
  again: more.again ?? null,
  queue: null,
  withdraw: null,
})

/** Decides on one tag, when all that it is based on is decided. The rules in their order; docs/design/plan.md. */
export const decideTag = (tag: PlanTag, around: Around): Outcome => withBuilds(tag, decide(tag, around))

/** What would become of the tag if no build of it were queued or running. */
function decide(tag: PlanTag, around: Around): Outcome {
  const { causes, recipe } = tag
  if (causes.length === 0) return be('none')
  if (causes.every((cause) => cause.pinned)) return be('pinned')
  if (!recipe) return be('none')
  if (!recipe.auto || !recipe.runnable) return be('manual')
  if (around.observe || tag.held) return be('paused')
  const judged = judgeTriggers(tag, around)
  const triggers = judged.filter(({ bar }) => bar === null).map(({ cause }) => cause)
  const waitsFor = waits(tag, triggers, around)
  if (waitsFor.length > 0) return be('waiting', { waitsFor, moving: waitsFor.some(around.isMoving) })
  const [trigger] = triggers
  if (!trigger) return barred(tag, judged)
  const settled = settledAt(triggers, around)
  if (settled && settled > around.now) return be('settling', { moving: true, again: settled })
  const past = pastBuilds(tag, around.now)
  if (past.say === 'failed') return be('failed', { ...past, moving: past.again !== null })
  if (past.say === 'stopped') return be('manual', past)
  if (past.say === 'unseen') return be('waiting', { ...past, moving: true })
  return { ...be('queued', { moving: true }), wanted: wanted(tag, trigger, around) }
}

/**
 * What has to be rebuilt first: every outdated base that a cause comes through, whether or not it will ever be, for nothing is built
 * on a stale base; and every base that is about to change. In a cycle, a tag with a cause of its own does not wait for the rest.
 */
function waits(tag: PlanTag, triggers: PlanCause[], { cycle, isMoving }: Around): string[] {
  const inherited = tag.causes.filter((cause) => cause.via !== null && !cause.pinned)
  if (triggers.length === 0 && inherited.length === 0) return []
  const vias = inherited
    .filter((cause) => triggers.length === 0 || (isCertain(tag, cause.via!, cause) && !cycle.has(cause.via!)))
    .map((cause) => cause.via!)
  const moving = tag.bases.filter((base) => base !== tag.ref && isMoving(base))
  return [...new Set([...vias, ...moving])].sort()
}

/** Only causes that start nothing. */
function barred(tag: PlanTag, judged: Judged[]): Outcome {
  const tried = judged.some(({ bar }) => bar === 'tried' || bar === 'cycle')
  if (!tried) return be('manual')
  const build = tag.builds.find((done) => done.digest !== null)?.id ?? null
  return tag.stand === 'unseen' ? be('waiting', { build, moving: true }) : be('failed', { build })
}

const wanted = (tag: PlanTag, { base, from, to }: PlanCause, { pushes }: Around): WantedBuild => ({
  ref: tag.ref,
  root: pushes.get(to)?.root ?? `${base}@${to}`,
  reason: { kind: 'base-moved', base, from, to, plan: null },
})

/** Brings the outcome together with the builds there are. While facts wait to be judged nothing is queued or withdrawn. */
function withBuilds(tag: PlanTag, outcome: Outcome): Outcome {
  const running = tag.builds.find((build) => build.state === 'running')
  const queued = tag.builds.find((build) => build.state === 'queued')
  const keep = queued && (!queued.automatic || !tag.judged || outcome.wanted !== null)
  const due = tag.judged && !running && (!queued || (queued.automatic && queued.key !== tag.key))
  const active = running ?? (keep ? queued : undefined)
  const shown = active ? be(running ? 'running' : 'queued', { build: active.id, moving: true }) : outcome
  return { ...shown, queue: due ? outcome.wanted : null, withdraw: queued && !keep ? queued.id : null }
}
