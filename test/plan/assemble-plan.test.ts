import { describe, expect, test } from '@jest/globals'
import type { PlanBuild, PlanTag } from '../../src/plan/assemble-plan.ts'
import { ago, ambiguous, auto, build, cause, type Given, hour, outcome, plan, quiet, tag } from './plan-tags.ts'

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
