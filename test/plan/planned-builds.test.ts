import { describe, expect, test } from '@jest/globals'
import type { PlanBuild, PlanTag } from '../../src/plan/assemble-plan.ts'
import { ago, auto, build, cause, failures, type Given, hour, outages, outcome, plan, quiet, tag } from './plan-tags.ts'

/** What builds there are, or were, make of the plan. */

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
