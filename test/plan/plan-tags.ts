import {
  assemblePlan,
  type OwnPush,
  type PlanBuild,
  type PlanCause,
  type PlanTag,
} from '../../src/plan/assemble-plan.ts'

/** Tags as the planner reads them, with what most tests have in common: `b` moved, `a` is built on it by itself. */

export const now = new Date('2026-01-01T12:00:00Z')
export const ago = (seconds: number) => new Date(now.getTime() - seconds * 1000)
export const hour = 3600
export const policy = { now, settle: 30, observe: false }

export const cause = (base: string, more: Partial<PlanCause> = {}): PlanCause => ({
  base,
  from: `${base}-1`,
  to: `${base}-2`,
  via: null,
  confidence: 'declared',
  pinned: false,
  since: 1n,
  ...more,
})
export const auto = { auto: true, runnable: true, base: null }
export const tag = (ref: string, causes: PlanCause[], more: Partial<PlanTag> = {}): PlanTag => ({
  ref,
  headSince: ago(60),
  causes,
  bases: causes.map((c) => c.via ?? c.base),
  declared: [],
  recipe: auto,
  key: 'k2',
  builds: [],
  stand: null,
  judged: true,
  ...more,
})
export const build = (id: string, state: PlanBuild['state'], more: Partial<PlanBuild> = {}): PlanBuild => ({
  id,
  state,
  key: 'k2',
  root: 'other@1',
  automatic: true,
  reason: { base: null, to: null },
  digest: state === 'succeeded' ? `of-${id}` : null,
  bases: [],
  code: state === 'failed' ? 'build-failed' : null,
  finishedAt: state === 'queued' || state === 'running' ? null : ago(10),
  ...more,
})
export const failures = (...seconds: number[]) =>
  seconds.map((s, i) => build(`f${i}`, 'failed', { finishedAt: ago(s) }))
export const outages = (...seconds: number[]) =>
  failures(...seconds).map((one) => ({ ...one, code: 'unreachable', retryable: true }))
export const quiet = (ref: string, more: Partial<PlanTag> = {}) => tag(ref, [], { recipe: null, key: null, ...more })
export const ambiguous = cause('b', { confidence: 'ambiguous' })

export type Given = { pushes?: [string, OwnPush][]; observe?: boolean }
export const plan = (tags: PlanTag[], { pushes = [], observe = false }: Given = {}) =>
  assemblePlan({ tags, pushes: new Map(pushes) }, { ...policy, observe })
export const outcome = (t: PlanTag, others: PlanTag[] = [], given: Given = {}) => {
  const { states, queue, lookAgainAt } = plan([t, quiet('b'), ...others], given)
  return { ...states.get(t.ref)!, queued: queue.some((wanted) => wanted.ref === t.ref), lookAgainAt }
}
