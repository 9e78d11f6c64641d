import { describe, expect, test } from '@jest/globals'
import {
  assemblePlan,
  type OwnPush,
  type PlanBuild,
  type PlanCause,
  type PlanTag,
} from '../../src/plan/assemble-plan.ts'

const now = new Date('2026-01-01T12:00:00Z')
const ago = (seconds: number) => new Date(now.getTime() - seconds * 1000)
const hour = 3600
const policy = { now, settle: 30, observe: false }

const cause = (base: string, more: Partial<PlanCause> = {}): PlanCause => ({
  base,
  from: `${base}-1`,
  to: `${base}-2`,
  via: null,
  confidence: 'declared',
  pinned: false,
  since: 1n,
  ...more,
})
const auto = { auto: true, runnable: true, base: null }
const tag = (ref: string, causes: PlanCause[], more: Partial<PlanTag> = {}): PlanTag => ({
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
const build = (id: string, state: PlanBuild['state'], more: Partial<PlanBuild> = {}): PlanBuild => ({
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
const failures = (...seconds: number[]) => seconds.map((s, i) => build(`f${i}`, 'failed', { finishedAt: ago(s) }))
const outages = (...seconds: number[]) =>
  failures(...seconds).map((one) => ({ ...one, code: 'unreachable', retryable: true }))
const quiet = (ref: string, more: Partial<PlanTag> = {}) => tag(ref, [], { recipe: null, key: null, ...more })
const ambiguous = cause('b', { confidence: 'ambiguous' })

type Given = { pushes?: [string, OwnPush][]; observe?: boolean }
const plan = (tags: PlanTag[], { pushes = [], observe = false }: Given = {}) =>
  assemblePlan({ tags, pushes: new Map(pushes) }, { ...policy, observe })
const outcome = (t: PlanTag, others: PlanTag[] = [], given: Given = {}) => {
  const { states, queue, lookAgainAt } = plan([t, quiet('b'), ...others], given)
  return { ...states.get(t.ref)!, queued: queue.some((wanted) => wanted.ref === t.ref), lookAgainAt }
}

describe('not built', () => {
  test.each<[string, PlanTag, string]>([
    ['current', tag('a', []), 'none'],
    ['no recipe', tag('a', [cause('b')], { recipe: null }), 'none'],
    ['auto: false', tag('a', [cause('b')], { recipe: { ...auto, auto: false } }), 'manual'],
    ['no builder for its strategy', tag('a', [cause('b')], { recipe: { ...auto, runnable: false } }), 'manual'],
    ['every FROM names a digest', tag('a', [cause('b', { pinned: true })]), 'pinned'],
    ['pinned, without a recipe', tag('a', [cause('b', { pinned: true })], { recipe: null }), 'pinned'],
    ['an ambiguous cause that nobody names', tag('a', [ambiguous]), 'manual'],
    ['pinned in one cause, ambiguous in the other', tag('a', [ambiguous, cause('c', { pinned: true })]), 'manual'],
    [
      'built with the same inputs',
      tag('a', [cause('b')], { builds: [build('x', 'succeeded')], stand: 'at' }),
      'failed',
    ],
    [
      'built, and the push not seen yet',
      tag('a', [cause('b')], { builds: [build('x', 'succeeded')], stand: 'unseen' }),
      'waiting',
    ],
    [
      'put back to what it was before that build',
      tag('a', [cause('b')], { builds: [build('x', 'succeeded')], stand: 'back' }),
      'manual',
    ],
    [
      'built on exactly that head, by a build with other inputs',
      tag('a', [cause('b')], {
        builds: [build('x', 'succeeded', { key: 'k1', bases: [{ name: 'b', digest: 'b-2' }] })],
        stand: 'at',
      }),
      'failed',
    ],
    [
      'still outdated after a build for it',
      tag('a', [cause('b')], {
        builds: [
          build('x', 'failed', { key: 'k1', code: 'still-outdated', digest: 'd', reason: { base: 'b', to: 'b-2' } }),
        ],
        stand: 'at',
      }),
      'failed',
    ],
    [
      'a fault of the recipe',
      tag('a', [cause('b')], {
        builds: [build('x', 'failed', { code: 'ambiguous-base', finishedAt: ago(99 * hour) })],
      }),
      'failed',
    ],
    [
      'cancelled by a person',
      tag('a', [cause('b')], { builds: [build('x', 'cancelled', { code: 'cancelled' })] }),
      'manual',
    ],
  ])('%s', (_, given, state) => {
    expect(outcome(given)).toMatchObject({ state, queued: false, lookAgainAt: null })
  })

  test('observing, nothing is started, and pinned stays pinned', () => {
    expect(outcome(tag('a', [cause('b')]), [], { observe: true })).toMatchObject({ state: 'paused', queued: false })
    expect(outcome(tag('a', [cause('b', { pinned: true })]), [], { observe: true }).state).toBe('pinned')
  })

  test('facts wait to be judged: nothing is queued, and what is queued stays', () => {
    expect(outcome(tag('a', [cause('b')], { judged: false })).queued).toBe(false)
    const queued = tag('a', [], { judged: false, builds: [build('q', 'queued')] })
    expect(plan([queued])).toMatchObject({ queue: [], withdraw: [] })
  })
})

describe('built', () => {
  test.each<[string, PlanTag]>([
    ['a declared cause that has settled', tag('a', [cause('b')])],
    ['every tag that carried the base has moved on', tag('a', [cause('b', { confidence: 'inferred' })])],
    ['ambiguous, and the recipe names it', tag('a', [ambiguous], { recipe: { ...auto, base: 'b' } })],
    ['ambiguous, and another declaration names it', tag('a', [ambiguous], { declared: ['b'] })],
    [
      'ambiguous, and our last build took it',
      tag('a', [ambiguous], {
        builds: [build('x', 'succeeded', { key: 'k1', bases: [{ name: 'b', digest: 'b-1' }] })],
        stand: 'at',
      }),
    ],
    ['pinned in one cause, not in the other', tag('a', [cause('b'), cause('c', { pinned: true })])],
    [
      'built before with other inputs',
      tag('a', [cause('b')], { builds: [build('x', 'succeeded', { key: 'k1' })], stand: 'at' }),
    ],
    [
      'somebody pushed something new over our build',
      tag('a', [cause('b')], { builds: [build('x', 'succeeded')], stand: 'overtaken' }),
    ],
    [
      'failed with other inputs',
      tag('a', [cause('b')], { builds: [build('x', 'failed', { key: 'k1', code: 'ambiguous-base' })] }),
    ],
    ['withdrawn before', tag('a', [cause('b')], { builds: [build('x', 'cancelled', { code: 'no-longer-wanted' })] })],
  ])('%s', (_, given) => {
    expect(outcome(given)).toMatchObject({ state: 'queued', build: null, queued: true })
  })

  test('the oldest cause is the reason, and its base at its head the root', () => {
    const { queue } = plan([tag('a', [cause('b', { since: 9n }), cause('c', { since: 5n })]), quiet('b'), quiet('c')])
    const reason = { kind: 'base-moved', base: 'c', from: 'c-1', to: 'c-2', plan: null }
    expect(queue).toEqual([{ ref: 'a', root: 'c@c-2', reason, note: null }])
  })

  test('what our own build pushed goes back to the outside change', () => {
    const pushes: Given['pushes'] = [['b-2', { root: 'base@9', chain: ['b'] }]]
    expect(plan([tag('a', [cause('b')]), quiet('b')], { pushes }).queue).toMatchObject([{ root: 'base@9' }])
  })
})

describe('settling', () => {
  const fresh = quiet('c', { headSince: ago(5) })
  test('a base that moved a moment ago, until it has stayed put', () => {
    expect(outcome(tag('a', [cause('c')]), [fresh])).toMatchObject({
      state: 'settling',
      queued: false,
      lookAgainAt: ago(-25),
    })
  })
  test('all of its moved bases', () => {
    expect(outcome(tag('a', [cause('b'), cause('c')]), [fresh]).state).toBe('settling')
  })
  test('what our own builds push does not wait', () => {
    const pushes: Given['pushes'] = [['c-2', { root: 'base@9', chain: ['c'] }]]
    expect(outcome(tag('a', [cause('c')]), [fresh], { pushes })).toMatchObject({ state: 'queued', queued: true })
  })
})

describe('waiting', () => {
  const viaB = cause('r', { via: 'b' })
  test.each<[string, PlanTag | null]>([
    ['the base will be built', tag('b', [cause('r')])],
    ['the base has no recipe', tag('b', [cause('r')], { recipe: null })],
    ['the base is built by hand', tag('b', [cause('r')], { recipe: { ...auto, auto: false } })],
    ['the base failed', tag('b', [cause('r')], { builds: [build('x', 'failed', { code: 'ambiguous-base' })] })],
    ['the base is pinned', tag('b', [cause('r', { pinned: true })])],
  ])('for an outdated base: %s', (_, base) => {
    const { states, queue } = plan([tag('a', [viaB]), base!])
    expect(states.get('a')).toMatchObject({ state: 'waiting', build: null, waitsFor: ['b'] })
    expect(queue.some((wanted) => wanted.ref === 'a')).toBe(false)
  })

  test('for that also with a cause of its own', () => {
    expect(outcome(tag('a', [cause('c'), viaB]), [quiet('c')])).toMatchObject({ state: 'waiting', waitsFor: ['b'] })
  })

  test.each<PlanBuild['state']>(['queued', 'running'])('for a base whose build is %s', (state) => {
    const right = quiet('right', { builds: [build('x', state, { automatic: false })] })
    const top = tag('top', [cause('b')], { bases: ['b', 'right'] })
    expect(outcome(top, [right])).toMatchObject({ state: 'waiting', waitsFor: ['right'], queued: false })
  })

  test('for a base that has moved and is to be built again', () => {
    const { states } = plan([tag('a', [cause('b')]), tag('b', [cause('r')])])
    expect(states.get('a')).toMatchObject({ state: 'waiting', waitsFor: ['b'] })
  })

  test('not for a base that has moved and is outdated for good', () => {
    const { queue } = plan([tag('a', [cause('b')]), tag('b', [cause('r')], { recipe: null })])
    expect(queue.map((wanted) => wanted.ref)).toEqual(['a'])
  })

  test('not for an unsure base, where a sure cause is there', () => {
    const unsure = cause('r', { via: 'b', confidence: 'ambiguous' })
    const outdatedBase = tag('b', [cause('r')], { recipe: null })
    const { queue } = plan([tag('a', [cause('c'), unsure]), outdatedBase, quiet('c')])
    expect(queue.map((wanted) => wanted.ref)).toEqual(['a'])
  })

  describe('for a stale base that brings only what the tag has by a shorter way', () => {
    const stale = quiet('b', { causes: [cause('r')] })
    const top = (more: Partial<PlanTag> = {}) => tag('a', [cause('r')], { bases: ['r', 'b'], ...more })
    const push = (digest: string | null) => build('x', digest ? 'succeeded' : 'failed', { digest, key: 'k1' })
    const onB = (digest: string | null) => ({ ...push(digest), bases: [{ name: 'b', digest: 'b-1' }] })
    test.each<[string, PlanTag, PlanTag[], string]>([
      ['always where it is certain', top(), [], 'waiting'],
      ['not where it is one of several candidates', top({ doubtful: ['b', 'c'] }), [quiet('c')], 'queued'],
      [
        'where all the candidates are',
        top({ doubtful: ['b', 'c'] }),
        [quiet('c', { causes: [cause('r')] })],
        'waiting',
      ],
      ['where the recipe names it', top({ doubtful: ['b', 'c'], recipe: { ...auto, base: 'b' } }), [], 'waiting'],
      ['where our push was built on it', top({ doubtful: ['b', 'c'], builds: [onB('a-1')] }), [], 'waiting'],
      ['not where only a failed build was', top({ doubtful: ['b', 'c'], builds: [onB(null)] }), [], 'queued'],
    ])('%s', (_name, a, more, state) => {
      expect(plan([a, stale, quiet('r'), ...more]).states.get('a')!.state).toBe(state)
    })
  })

  test('a chain is as far as its first link', () => {
    const { states, queue } = plan([
      tag('grand', [cause('base', { via: 'child' })]),
      tag('child', [cause('base')]),
      quiet('base'),
    ])
    expect(queue.map((wanted) => wanted.ref)).toEqual(['child'])
    expect(states.get('grand')).toMatchObject({ state: 'waiting', waitsFor: ['child'] })
  })
})

describe('after failures', () => {
  test.each<[string, number[], number | null]>([
    ['once: at once', [1], null],
    ['twice: at once', [1, 2], null],
    ['three times: after an hour', [hour - 60, 9 * hour, 9 * hour], 60],
    ['three times, the hour over', [hour + 1, 9 * hour, 9 * hour], null],
    ['four times: after two', [hour, ...Array(3).fill(99 * hour)], hour],
    ['eight times: after 32', [31 * hour, ...Array(7).fill(99 * hour)], hour],
    ['thirty times: after 32', [31 * hour, ...Array(29).fill(99 * hour)], hour],
  ])('%s', (_, seconds, left) => {
    const given = tag('a', [cause('b')], { builds: failures(...seconds) })
    if (left === null) expect(outcome(given)).toMatchObject({ state: 'queued', queued: true })
    else expect(outcome(given)).toMatchObject({ state: 'failed', build: 'f0', queued: false, lookAgainAt: ago(-left) })
  })

  test.each<[string, PlanBuild[], number | null]>([
    ['twice: at once', outages(1, 2), null],
    ['three times: after a minute', outages(20, 99, 99), 40],
    ['four times: after two', outages(60, ...Array(3).fill(999)), 60],
    ['thirty times: after an hour', outages(hour - 60, ...Array(29).fill(99 * hour)), 60],
    [
      'after five failures of its own: as if it were the first',
      [...outages(1), ...failures(...Array(5).fill(2))],
      null,
    ],
    ['before a failure of its own: nothing', [...failures(30), ...outages(...Array(9).fill(40))], null],
    ['between failures of its own', [...failures(30), ...outages(40), ...failures(50, 60)], hour - 30],
  ])('outages, %s', (_, builds, left) => {
    const found = outcome(tag('a', [cause('b')], { builds }))
    if (left === null) expect(found).toMatchObject({ state: 'queued', queued: true })
    else expect(found).toMatchObject({ state: 'failed', queued: false, lookAgainAt: ago(-left) })
  })

  test('what is built on it waits while it will be tried again', () => {
    const base = tag('b', [cause('r')], { builds: failures(1, 2, 3) })
    expect(plan([tag('a', [cause('b')]), base]).states.get('a')).toMatchObject({ state: 'waiting', waitsFor: ['b'] })
  })
})

describe('builds there are', () => {
  const running = build('r', 'running')
  const queued = build('q', 'queued')
  test('one runs: left to end, and judged again then', () => {
    expect(outcome(tag('a', [cause('b')], { key: 'k3', builds: [running] }))).toMatchObject({
      state: 'running',
      build: 'r',
      queued: false,
    })
  })
  test('one is queued with the same inputs: nothing to do', () => {
    expect(plan([tag('a', [cause('b')], { builds: [queued] }), quiet('b')])).toMatchObject({ queue: [], withdraw: [] })
  })
  test('one is queued with older inputs: replaced', () => {
    expect(plan([tag('a', [cause('b')], { key: 'k3', builds: [queued] }), quiet('b')])).toMatchObject({
      queue: [{ ref: 'a' }],
      withdraw: [],
    })
  })
  test.each<[string, PlanTag]>([
    ['the base is back to known content', tag('a', [], { builds: [queued] })],
    ['something else has to be built first', tag('a', [cause('r', { via: 'b' })], { builds: [queued] })],
    ['auto was switched off', tag('a', [cause('b')], { recipe: { ...auto, auto: false }, builds: [queued] })],
  ])('one is queued and not wanted now: withdrawn, as %s', (_, given) => {
    expect(plan([given, tag('b', [cause('r')], { recipe: null })])).toMatchObject({ queue: [], withdraw: ['q'] })
  })
  test('what a person asked for is neither replaced nor withdrawn', () => {
    const asked = build('q', 'queued', { automatic: false, key: 'k0' })
    for (const causes of [[], [cause('b')]])
      expect(plan([tag('a', causes, { builds: [asked] }), quiet('b')])).toMatchObject({ queue: [], withdraw: [] })
  })
})

describe('cycles', () => {
  test('two that would wait for each other: one goes first', () => {
    const x = tag('x', [cause('r1'), cause('r2', { via: 'y' })], { bases: ['r1', 'y'] })
    const y = tag('y', [cause('r2'), cause('r1', { via: 'x' })], { bases: ['r2', 'x'] })
    const { queue, states } = plan([x, y, quiet('r1'), quiet('r2')])
    expect(queue.map((wanted) => wanted.ref)).toEqual(['x'])
    expect(states.get('y')).toMatchObject({ state: 'waiting', waitsFor: ['x'] })
  })

  test('not built again for what its own build brought about', () => {
    const pushes: Given['pushes'] = [['b-2', { root: 'r@2', chain: ['b', 'c', 'a'] }]]
    const built = build('x', 'succeeded', { key: 'k1', root: 'newer@3' })
    const given = tag('a', [cause('b')], { builds: [built], stand: 'at' })
    expect(outcome(given, [], { pushes })).toMatchObject({ state: 'failed', build: 'x', queued: false })
  })

  test('not built again for the same outside change that came another way', () => {
    const pushes: Given['pushes'] = [['b-2', { root: 'r@2', chain: ['b'] }]]
    const built = build('x', 'succeeded', { key: 'k1', root: 'r@2' })
    const a = tag('a', [cause('b')], { builds: [built], stand: 'at' })
    expect(plan([a, quiet('b', { bases: ['a'] })], { pushes }).queue).toEqual([])
    expect(plan([a, quiet('b')], { pushes }).queue).toHaveLength(1)
  })
})

describe('a further tag of a recipe', () => {
  const along = (more: Partial<PlanTag> = {}) =>
    tag('a:latest', [cause('b')], { recipe: null, key: null, movesWith: 'a:1', ...more })
  const leader = (more: Partial<PlanTag> = {}) => tag('a:1', [cause('b')], more)
  const child = tag('c', [cause('b', { via: 'a:latest' })])

  test('has the state of its tag, and no build; what is based on it waits for that tag', () => {
    const { states, queue, moving, triggers } = plan([along(), leader(), child, quiet('b')])
    expect(queue.map(({ ref }) => ref)).toEqual(['a:1'])
    expect(states.get('a:latest')).toEqual({ state: 'queued', build: null, waitsFor: [], movesWith: 'a:1' })
    expect(states.get('c')).toEqual({ state: 'waiting', build: null, waitsFor: ['a:1'] })
    expect([...moving].sort()).toEqual(['a:1', 'a:latest', 'c'])
    expect([...triggers.keys()]).toEqual(['a:1'])
  })

  test('shows the build of its tag', () => {
    const { states } = plan([along(), leader({ builds: [build('x', 'running')] }), quiet('b')])
    expect(states.get('a:latest')).toEqual({ state: 'running', build: 'x', waitsFor: [], movesWith: 'a:1' })
  })

  test('that points elsewhere is moved as well, and waited for', () => {
    const other = tag('c', [cause('d')], { bases: ['a:latest', 'd'] })
    const tags = [along({ causes: [], bases: ['elsewhere'] }), leader(), other, quiet('b'), quiet('d')]
    const { states, queue } = plan(tags)
    expect(states.get('c')).toMatchObject({ state: 'waiting', waitsFor: ['a:1'] })
    expect(queue.map(({ ref }) => ref)).toEqual(['a:1'])
  })

  test.each<[string, Partial<PlanTag>, object]>([
    [
      'is not rebuilt by itself',
      { recipe: { ...auto, auto: false } },
      {
        state: 'waiting',
        waitsFor: ['a:1'],
        because: 'a:latest moves along with a:1, which stays outdated: its recipe says auto: false',
      },
    ],
    [
      'is not outdated',
      { causes: [] },
      { state: 'waiting', waitsFor: ['a:latest'], because: 'a:latest moves along with a:1, which is not to be built' },
    ],
  ])('whose tag %s: what is based on it waits in vain, and is told why', (_what, more, wanted) => {
    const { states, moving, queue } = plan([along(), leader(more), child, quiet('b')])
    expect(states.get('c')).toMatchObject(wanted)
    expect(states.get('a:latest')).toMatchObject({ movesWith: 'a:1' })
    expect([moving.size, queue]).toEqual([0, []])
  })

  test.each([
    ['z', 'zz'],
    ['zz', 'z'],
  ])('that its own tag is built on (%s moves with %s) holds nothing up', (further, own) => {
    const first = tag(own, [cause('b'), cause('b', { via: further })], { bases: ['b', further] })
    const moved = tag(further, [cause('b')], { recipe: null, key: null, movesWith: own })
    const { states, queue } = plan([first, moved, tag('c', [cause('b', { via: further })]), quiet('b')])
    expect(queue.map(({ ref }) => ref)).toEqual([own])
    expect(states.get(further)).toMatchObject({ state: 'queued', movesWith: own })
    expect(states.get('c')).toMatchObject({ state: 'waiting', waitsFor: [own] })
    const running = plan([{ ...first, builds: [build('x', 'queued')] }, moved, quiet('b')])
    expect(running.withdraw).toEqual([])
  })

  test('outdated through itself alone, its tag is not built, and nothing is said to come', () => {
    const first = tag('z', [cause('b', { via: 'y' })])
    const moved = tag('y', [cause('b')], { recipe: null, key: null, movesWith: 'z' })
    const { moving, queue } = plan([first, moved, quiet('b')])
    expect([moving.size, queue]).toEqual([0, []])
  })
})
