import { describe, expect, test } from '@jest/globals'
import { assemblePlan, type OwnPush, type PlanCause, type PlanTag } from '../../src/plan/assemble-plan.ts'

/** Bases that are not whole, or that lag: which of them a tag waits for, for how long, and what is said of it. */

const now = new Date('2026-01-01T12:00:00Z')
const at = (seconds: number) => new Date(now.getTime() + seconds * 1000)
const auto = { auto: true, runnable: true, base: null }
const [amd, arm] = ['linux/amd64', 'linux/arm64'] as [string, string]

const cause = (base: string, more: Partial<PlanCause> = {}): PlanCause => ({
  ...{ base, from: `${base}-1`, to: `${base}-2`, via: null, confidence: 'declared', pinned: false, since: 1n },
  ...more,
})
const tag = (ref: string, causes: PlanCause[], more: Partial<PlanTag> = {}): PlanTag => ({
  ...{ ref, headSince: at(-3600), causes, bases: causes.map((c) => c.via ?? c.base), declared: [], recipe: auto },
  ...{ key: 'k2', builds: [], stand: null, judged: true, platforms: [amd, arm] },
  ...more,
})
const base = (ref: string, more: Partial<PlanTag> = {}) => tag(ref, [], { recipe: null, key: null, ...more })
const lacksArm = (seconds: number) => ({ lacks: [{ platform: arm, until: at(seconds) }] })
function outcome(tags: PlanTag[], pushes: [string, OwnPush][] = []) {
  const { states, queue, lookAgainAt } = assemblePlan(
    { tags, pushes: new Map(pushes) },
    { now, settle: 30, observe: false },
  )
  return { ...states.get('a')!, queued: queue.some(({ ref }) => ref === 'a'), lookAgainAt }
}

describe('a base that lacks a platform which it had', () => {
  test('is waited for by what is built for it, and why and until when is said', () => {
    expect(outcome([tag('a', [cause('b')]), base('b', lacksArm(60))])).toEqual({
      ...{ state: 'settling', build: null, waitsFor: ['b'], queued: false, lookAgainAt: at(60) },
      because: 'b had linux/arm64 before, and has not yet; waited for until 2026-01-01T12:01:00.000Z',
    })
  })
  test('is not waited for by what is built for others', () => {
    const found = outcome([tag('a', [cause('b')], { platforms: [amd] }), base('b', lacksArm(60))])
    expect(found).toMatchObject({ state: 'queued', queued: true })
  })
  test('is not waited for any longer when the time is over: the build says what is the matter', () => {
    expect(outcome([tag('a', [cause('b')]), base('b', lacksArm(0))])).toMatchObject({ state: 'queued', queued: true })
  })
  test('is waited for also where it is another base that moved', () => {
    const found = outcome([tag('a', [cause('c')], { bases: ['b', 'c'] }), base('b', lacksArm(60)), base('c')])
    expect(found).toMatchObject({ state: 'settling', waitsFor: ['b'], queued: false })
  })
  test('is not waited for where our own build left it out', () => {
    const push: [string, OwnPush] = ['b-2', { root: 'r', chain: ['b'], refs: ['b'] }]
    expect(outcome([tag('a', [cause('b')]), base('b', lacksArm(60))], [push])).toMatchObject({ queued: true })
  })
  test('holds a changed recipe too', () => {
    const changed = tag('a', [], { bases: ['b'], recipeChange: 'recipes@1' })
    expect(outcome([changed, base('b', lacksArm(60))])).toMatchObject({ state: 'settling', waitsFor: ['b'] })
  })
  test("is known by Windows' platforms without their version", () => {
    const lacks = [{ platform: 'windows/amd64;10.0.20348', until: at(60) }]
    const found = outcome([tag('a', [cause('b')], { platforms: ['windows/amd64'] }), base('b', { lacks })])
    expect(found).toMatchObject({ state: 'settling' })
  })
})

describe('a base that lags behind its own', () => {
  const twice = [cause('os'), cause('os', { via: 'tool' })]
  const lagging = (more: Partial<PlanTag>) => tag('tool', [cause('os')], { recipe: null, ...more })
  test('is not waited for outside, where nobody here builds it, by what has a cause of its own', () => {
    expect(outcome([tag('a', twice), base('os'), lagging({ outside: true })])).toMatchObject({ queued: true })
    const hidden = tag('a', [cause('os')], { bases: ['os', 'tool'] })
    expect(outcome([hidden, base('os'), lagging({ outside: true })])).toMatchObject({ queued: true })
  })
  test('is waited for outside by what would gain nothing, and it is said for whom', () => {
    const only = tag('a', [cause('os', { via: 'tool' })])
    expect(outcome([only, base('os'), lagging({ outside: true })])).toMatchObject({
      ...{ state: 'waiting', waitsFor: ['tool'], because: 'tool lags, outside', queued: false },
    })
  })
  test('is not waited for where it lags because of one outside only', () => {
    const own = (more: Partial<PlanTag> = {}) => tag('mine', [cause('os', { via: 'tool' })], more)
    const a = tag('a', [cause('os'), cause('os', { via: 'mine' })])
    for (const mine of [own(), own({ recipe: null }), own({ recipe: { ...auto, auto: false } })])
      expect(outcome([a, base('os'), lagging({ outside: true }), mine])).toMatchObject({ queued: true })
  })
  test('is waited for where it is ours, though nobody rebuilds it; and that is said', () => {
    expect(outcome([tag('a', twice), base('os'), lagging({})])).toMatchObject({
      ...{ state: 'waiting', waitsFor: ['tool'], because: 'tool has no recipe', queued: false },
    })
    const manual = lagging({ recipe: { ...auto, auto: false } })
    expect(outcome([tag('a', twice), base('os'), manual])).toMatchObject({
      because: 'tool stays outdated: its recipe says auto: false',
    })
  })
  test('is waited for, without more words, where it is about to be rebuilt', () => {
    const found = outcome([tag('a', twice), base('os'), lagging({ recipe: auto })])
    expect(found).toEqual({ state: 'waiting', build: null, waitsFor: ['tool'], queued: false, lookAgainAt: null })
  })
  test('is not waited for where it lags on platforms only that the tag is not built for', () => {
    const tool = lagging({ causes: [cause('os', { platforms: [arm] })] })
    const a = (platforms: string[]) => tag('a', [cause('os')], { bases: ['os', 'tool'], platforms })
    expect(outcome([a([amd]), base('os'), tool])).toMatchObject({ queued: true })
    expect(outcome([a([amd, arm]), base('os'), tool])).toMatchObject({ state: 'waiting', waitsFor: ['tool'] })
    expect(outcome([a([]), base('os'), tool])).toMatchObject({ state: 'waiting', waitsFor: ['tool'] })
  })
})
