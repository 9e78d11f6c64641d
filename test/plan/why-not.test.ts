import { describe, expect, test } from '@jest/globals'
import {
  assemblePlan,
  type PlanBuild,
  type PlanCause,
  type PlanTag,
  type RootPlan,
} from '../../src/plan/assemble-plan.ts'

const now = new Date('2026-01-01T12:00:00Z')
const cause = (base: string, more: Partial<PlanCause> = {}): PlanCause => ({
  ...{ base, from: `${base}-1`, to: `${base}-2`, via: null, confidence: 'declared', pinned: false, since: 1n },
  ...more,
})
const auto = { auto: true, runnable: true, base: null }
const tag = (ref: string, causes: PlanCause[], more: Partial<PlanTag> = {}): PlanTag => ({
  ...{ ref, headSince: null, causes, bases: causes.map((c) => c.via ?? c.base), declared: [], recipe: auto, key: 'k2' },
  ...{ builds: [], stand: null, judged: true },
  ...more,
})
const build = (state: PlanBuild['state'], more: Partial<PlanBuild> = {}): PlanBuild => ({
  ...{ id: 'x', state, key: 'k2', root: 'other@1', automatic: true, reason: { base: null, to: null } },
  ...{ digest: state === 'succeeded' ? 'd' : null, bases: [], code: state, finishedAt: now },
  ...more,
})
const withPlan = (state: RootPlan['state'], because: string | null): ReadonlyMap<string, RootPlan> =>
  new Map([['b@b-2', { id: 'p', state, because }]])
type Given = { plans?: ReadonlyMap<string, RootPlan>; observe?: boolean }
const states = (tags: PlanTag[], { plans = new Map(), observe = false }: Given = {}) =>
  assemblePlan({ tags, pushes: new Map(), plans }, { now, settle: 0, observe }).states
const on = (more: Partial<PlanTag>) => tag('a', [cause('b')], more)
const shut = (because: 'paused' | 'window', again: Date | null) => ({ start: false as const, because, again })
const maintenance = { scope: 'app', by: 'ann', reason: 'maintenance' }

describe('what is left as it is says why', () => {
  test.each<[string, PlanTag, Given, string, string | undefined]>([
    ['auto: false', on({ recipe: { ...auto, auto: false } }), {}, 'manual', 'its recipe says auto: false'],
    ['no builder', on({ recipe: { ...auto, runnable: false } }), {}, 'manual', 'nothing here can run its recipe'],
    [
      ...(['several names fit', tag('a', [cause('b', { confidence: 'ambiguous' })]), {}] as const),
      ...(['manual', 'not certain that it is on b: several names fit'] as const),
    ],
    ['a cancelled build', on({ builds: [build('cancelled')] }), {}, 'manual', 'build x was cancelled'],
    [
      ...(['a cancelled plan', on({}), { plans: withPlan('cancelled', 'cancelled by ann') }] as const),
      ...(['manual', 'its plan was cancelled by ann'] as const),
    ],
    [
      ...(['a stopped plan', on({}), { plans: withPlan('stopped', 'too much failed') }] as const),
      ...(['approval', 'its plan was stopped: too much failed'] as const),
    ],
    [
      ...(['a large plan', on({}), { plans: withPlan('approval', '300 tags') }] as const),
      ...(['approval', 'its plan waits for approval: 300 tags'] as const),
    ],
    [
      ...(['put back', on({ builds: [build('succeeded')], stand: 'back' }), {}] as const),
      ...(['manual', 'it was put back to what it was before its last build'] as const),
    ],
    [
      ...(['a failure', on({ builds: [build('failed', { code: 'recipe-invalid' })] }), {}] as const),
      ...(['failed', 'not tried again with the same inputs'] as const),
    ],
    [
      ...(['built so already', on({ builds: [build('succeeded')], stand: 'at' }), {}] as const),
      ...(['failed', 'it was built with the same inputs, and is outdated still'] as const),
    ],
    ['observing', on({}), { observe: true }, 'paused', 'DRYDOCK_OBSERVE: nothing is started'],
    ['a snooze', on({ held: true, heldBy: 'snooze' }), {}, 'paused', 'snoozed'],
    ['a policy', on({ held: true, heldBy: 'policy' }), {}, 'paused', 'a policy says that it does not matter'],
    [
      ...(['a pause', on({ start: shut('paused', null), pause: maintenance }), {}] as const),
      ...(['paused', 'its namespace is paused by ann: maintenance'] as const),
    ],
    [
      'a pause of everything',
      on({ start: shut('paused', null), pause: { scope: '*', by: null, reason: null } }),
      ...([{}, 'paused', 'everything is paused'] as const),
    ],
    [
      'a pause, of what is queued',
      on({ start: shut('paused', null), pause: maintenance, builds: [build('queued', { finishedAt: null })] }),
      ...([{}, 'paused', 'its namespace is paused by ann: maintenance'] as const),
    ],
    [
      ...(['a closed window', on({ start: shut('window', new Date('2026-01-01T20:00:00Z')) }), {}] as const),
      ...(['paused', 'outside its window until 2026-01-01T20:00:00.000Z'] as const),
    ],
    ['nothing', on({}), {}, 'queued', undefined],
  ])('%s', (_, given, more, state, because) => {
    const found = states([given, tag('b', [], { recipe: null })], more).get('a')!
    expect([found.state, found.because]).toEqual([state, because])
  })
})

test('a member of a cycle that was built for a change says with whom, and that it was built', () => {
  const member = (ref: string, other: string) =>
    tag(ref, [cause(other)], { builds: [build('succeeded', { key: 'k1', root: 'os@2' })], stand: 'at' })
  const pushes = new Map(['a', 'b'].map((ref) => [`${ref}-2`, { root: 'os@2', chain: [ref] }]))
  const input = { tags: [member('a', 'b'), member('b', 'a')], pushes }
  const { states: found } = assemblePlan(input, { now, settle: 0, observe: false })
  expect(found.get('a')).toMatchObject({
    ...{ state: 'failed', build: 'x', because: 'in a cycle with b; built once for this change' },
  })
})

describe('what waits for it says the same', () => {
  const child = tag('c', [cause('b', { via: 'a' })])
  test.each<[PlanTag, Given, string]>([
    [on({}), { plans: withPlan('cancelled', 'cancelled by ann') }, 'a stays outdated: its plan was cancelled by ann'],
    [on({ builds: [build('cancelled')] }), {}, 'a stays outdated: build x was cancelled'],
    [on({ held: true, heldBy: 'snooze' }), {}, 'a is held: snoozed'],
    [on({ builds: [build('failed', { code: 'recipe-invalid' })] }), {}, 'a could not be built'],
  ])('%#', (base, given, because) => {
    const found = states([base, child, tag('b', [], { recipe: null })], given)
    expect(found.get('c')).toMatchObject({ state: 'waiting', waitsFor: ['a'], because })
  })
})
