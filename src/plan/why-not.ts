import type { PlanBuild, PlanTag, RootPlan } from './assemble-plan.ts'
import type { Judged } from './triggers.ts'

/** Why a tag that is outdated is left as it is, in words for people. Null where the state says all. */

export const notAsked = 'its recipe says auto: false'
export const noBuilder = 'nothing here can run its recipe'
export const observing = 'DRYDOCK_OBSERVE: nothing is started'

/** It does not matter, or is to be quiet. */
export const heldWords = ({ heldBy }: Pick<PlanTag, 'heldBy'>): string | null =>
  heldBy === undefined ? null : heldBy === 'policy' ? 'a policy says that it does not matter' : 'snoozed'

/** Nothing that nobody asked for starts in its namespace now. */
export function notNow({ start, pause }: Pick<PlanTag, 'start' | 'pause'>): string | null {
  if (!start || start.start) return null
  if (start.because === 'window')
    return start.again ? `outside its window until ${start.again.toISOString()}` : 'outside its windows'
  if (!pause) return null
  const what = pause.scope === '*' ? 'everything is paused' : 'its namespace is paused'
  return `${what}${pause.by ? ` by ${pause.by}` : ''}${pause.reason ? `: ${pause.reason}` : ''}`
}

/** Of the plans of all it would be built for, none of which may go on. */
export function notInPlans(plans: readonly (RootPlan | undefined)[]): string | null {
  const asked = plans.find((plan) => plan && plan.state !== 'cancelled') ?? plans[0]
  const { state, because = null } = asked ?? { state: null }
  if (state === 'cancelled') return `its plan was ${because ?? 'cancelled'}`
  if (state === 'stopped') return `its plan was stopped${because ? `: ${because}` : ''}`
  return because && `its plan waits for approval: ${because}`
}

/** Builds of the same inputs failed. */
export const failedFor = 'not tried again with the same inputs'

/** Past builds of the same inputs say no. `again`: when it is tried again. */
export function notAgain(build: PlanBuild | undefined, again: Date | null): string {
  if (again) return `tried again at ${again.toISOString()}`
  if (build?.state === 'cancelled') return `build ${build.id} was cancelled`
  return build?.state === 'succeeded' ? 'it was built with the same inputs, and is outdated still' : failedFor
}

export const putBack = 'it was put back to what it was before its last build'

/** All that speaks for a build are causes that start none. `cycle`: the tags that are based on each other, itself included. */
export function notByThese(
  { ref }: PlanTag,
  judged: readonly Judged[],
  build: PlanBuild | undefined,
  cycle: ReadonlySet<string>,
): string | null {
  const others = [...cycle].filter((other) => other !== ref).sort()
  if (judged.some(({ bar }) => bar === 'cycle'))
    return `${others.length > 0 ? `in a cycle with ${others.join(', ')}` : 'its own build moved what it is based on'}; built once for this change`
  if (judged.some(({ bar }) => bar === 'tried'))
    return build?.state === 'failed' ? failedFor : 'it was built on that, and is outdated still'
  const doubtful = judged.flatMap(({ cause, bar }) => (bar === 'ambiguous' ? cause.base : []))
  return doubtful.length > 0 ? `not certain that it is on ${doubtful.join(', ')}: several names fit` : null
}
