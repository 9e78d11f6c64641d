import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { assemblePlan, type PlanCause, type PlanTag } from '../../src/plan/assemble-plan.ts'

const now = new Date('2026-01-01T12:00:00Z')
const ago = (seconds: number) => new Date(now.getTime() - seconds * 1000)
const policy = { now, settle: 30, observe: false }

const cause = (base: string, more: Partial<PlanCause> = {}): PlanCause => ({
  base,
  from: 'old',
  to: 'new',
  via: null,
  confidence: 'declared',
  pinned: false,
  toRoot: null,
  baseSince: ago(60),
  ...more,
})
const tag = (ref: string, causes: PlanCause[], more: Partial<PlanTag> = {}): PlanTag => ({
  ref,
  recipe: { auto: true, runnable: true, base: null },
  causes,
  busyBases: [],
  key: 'k1',
  queued: null,
  running: null,
  built: null,
  failures: [],
  ...more,
})
const stateOf = (t: PlanTag, p = policy, others: PlanTag[] = []) => {
  const plan = assemblePlan([t, ...others], p)
  return { ...plan.states.get(t.ref)!, queued: plan.queue.some((w) => w.ref === t.ref), again: plan.lookAgainAt }
}
const failed = (code: string, seconds: number) => ({ id: 'f', code, finishedAt: ago(seconds) })

describe('one tag', () => {
  test.each([
    ['no recipe', tag('a', [cause('b')], { recipe: null }), 'none'],
    ['auto: false', tag('a', [cause('b')], { recipe: { auto: false, runnable: true, base: null } }), 'manual'],
    ['no builder for it', tag('a', [cause('b')], { recipe: { auto: true, runnable: false, base: null } }), 'manual'],
    ['pinned in every cause', tag('a', [cause('b', { pinned: true })]), 'pinned'],
    ['an ambiguous cause alone', tag('a', [cause('b', { confidence: 'ambiguous' })]), 'manual'],
    ['the base moved a moment ago', tag('a', [cause('b', { baseSince: ago(5) })]), 'settling'],
    ['its base is itself outdated', tag('a', [cause('r', { via: 'b' })]), 'waiting'],
    ['one of its bases is being built', tag('a', [cause('b')], { busyBases: ['c'] }), 'waiting'],
    ['a build runs', tag('a', [cause('b')], { running: { id: 'x', key: 'k1', automatic: true } }), 'running'],
    ['asked for by hand, queued', tag('a', [], { queued: { id: 'x', key: 'k1', automatic: false } }), 'queued'],
    [
      'built with these very inputs',
      tag('a', [cause('b')], { built: { id: 'x', key: 'k1', root: 'other' } }),
      'failed',
    ],
    [
      'built for this outside change (a cycle)',
      tag('a', [cause('b')], { built: { id: 'x', key: 'k0', root: 'b@new' } }),
      'failed',
    ],
    ['still outdated after the build', tag('a', [cause('b')], { failures: [failed('still-outdated', 9e9)] }), 'failed'],
    [
      'failed three times, an hour not over',
      tag('a', [cause('b')], { failures: [failed('x', 9), failed('x', 9), failed('x', 9)] }),
      'failed',
    ],
  ])('%s: not built', (_, given, state) => {
    expect(stateOf(given)).toMatchObject({ state, queued: false })
  })

  test.each([
    ['a declared cause that has settled', tag('a', [cause('b')])],
    [
      'an ambiguous cause that the recipe names',
      tag('a', [cause('b', { confidence: 'ambiguous' })], { recipe: { auto: true, runnable: true, base: 'b' } }),
    ],
    ['what our own build pushed does not wait', tag('a', [cause('b', { baseSince: ago(0), toRoot: 'r@1' })])],
    ['failed once: again at once', tag('a', [cause('b')], { failures: [failed('build-failed', 1)] })],
    [
      'failed three times, an hour over',
      tag('a', [cause('b')], { failures: [failed('x', 3601), failed('x', 9e3), failed('x', 9e3)] }),
    ],
    ['built before with other inputs', tag('a', [cause('b')], { built: { id: 'x', key: 'k0', root: 'b@older' } })],
  ])('%s: queued', (_, given) => {
    expect(stateOf(given)).toMatchObject({ state: 'queued', queued: true })
  })

  test('a chain goes back to the outside change', () => {
    const plan = assemblePlan([tag('a', [cause('b', { toRoot: 'base@2' })]), tag('c', [cause('base')])], policy)
    expect(plan.queue.map((w) => [w.ref, w.root])).toEqual([
      ['a', 'base@2'],
      ['c', 'base@new'],
    ])
  })

  test('observing, nothing is started', () => {
    expect(stateOf(tag('a', [cause('b')]), { ...policy, observe: true })).toMatchObject({
      state: 'paused',
      queued: false,
    })
  })

  test('settling and back-off say when to look again', () => {
    expect(stateOf(tag('a', [cause('b', { baseSince: ago(5) })])).again).toEqual(ago(-25))
    const failures = [failed('x', 10), failed('x', 20), failed('x', 30)]
    expect(stateOf(tag('a', [cause('b')], { failures })).again).toEqual(ago(-3590))
  })

  test('a queued build that nothing wants any more is cancelled, one with older inputs is replaced', () => {
    const queued = { id: 'q', key: 'k0', automatic: true }
    expect(assemblePlan([tag('a', [], { queued })], policy)).toMatchObject({ cancel: ['q'], queue: [] })
    expect(assemblePlan([tag('a', [cause('b')], { queued })], policy)).toMatchObject({
      cancel: [],
      queue: [{ ref: 'a' }],
    })
    const same = { ...queued, key: 'k1' }
    expect(assemblePlan([tag('a', [cause('b')], { queued: same })], policy)).toMatchObject({ cancel: [], queue: [] })
  })

  test('two that would wait for each other do not', () => {
    const x = tag('x', [cause('r1'), cause('r2', { via: 'y' })])
    const y = tag('y', [cause('r2'), cause('r1', { via: 'x' })])
    expect(assemblePlan([x, y], policy).queue.map((w) => w.ref)).toEqual(['x', 'y'])
  })
})

/** A tiny world apart from the judge: an image remembers at which version of each base it was built. */
type World = {
  bases: number[][]
  version: number[]
  builtOn: number[][]
  root: (string | null)[]
  builds: number[]
  order: number[]
}

function outdatedBy(w: World, i: number, seen = new Set<number>()): PlanCause[] {
  return w.bases[i]!.flatMap((b, k): PlanCause[] => {
    if (w.version[b] !== w.builtOn[i]![k])
      return [cause(`t${b}`, { to: `v${w.version[b]}`, toRoot: w.root[b] ?? null })]
    if (seen.has(b)) return []
    const roots = outdatedBy(w, b, new Set([...seen, i]))
    return roots.length > 0 ? [cause(roots[0]!.base, { via: `t${b}` })] : []
  })
}

function step(w: World, count: number, pick: number): boolean {
  const tags = Array.from({ length: count }, (_, i) => {
    const key = w.bases[i]!.map((b) => w.version[b]).join()
    const built = w.builds[i]! > 0 ? { id: `b${i}`, key: w.builtOn[i]!.join(), root: w.root[i] ?? null } : null
    return tag(`t${i}`, outdatedBy(w, i), { key, built })
  }).slice(1)
  const { queue } = assemblePlan(tags, policy)
  const chosen = queue[pick % Math.max(queue.length, 1)]
  if (!chosen) return false
  const i = Number(chosen.ref.slice(1))
  w.builtOn[i] = w.bases[i]!.map((b) => w.version[b]!)
  w.version[i]! += 1
  w.root[i] = chosen.root
  w.builds[i]! += 1
  w.order.push(i)
  return true
}

const dag = fc
  .array(fc.uniqueArray(fc.nat(7), { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 8 })
  .map((rows) => [[], ...rows.map((bases, i) => [...new Set(bases.map((b) => b % (i + 1)))])])

test('whatever the graph and the order of builds: all that is based on what moved is built once, bases first', () => {
  fc.assert(
    fc.property(dag, fc.infiniteStream(fc.nat(9)), (bases, picks) => {
      const n = bases.length
      const w: World = {
        bases,
        version: Array(n).fill(1),
        builtOn: bases.map((b) => b.map(() => 1)),
        root: Array(n).fill(null),
        builds: Array(n).fill(0),
        order: [],
      }
      w.version[0] = 2
      while (step(w, n, picks.next().value)) expect(w.order.length).toBeLessThanOrEqual(n)
      const reached = (i: number): boolean => bases[i]!.some((b) => b === 0 || reached(b))
      expect(w.builds).toEqual(bases.map((_, i) => (reached(i) ? 1 : 0)))
      for (const i of w.order)
        for (const b of bases[i]!) if (w.order.includes(b)) expect(w.order.indexOf(b)).toBeLessThan(w.order.indexOf(i))
    }),
    { numRuns: 500 },
  )
})

test('a cycle of bases ends: each is built at most once for one outside change', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uniqueArray(fc.nat(4), { minLength: 1, maxLength: 2 }), { minLength: 4, maxLength: 4 }),
      fc.infiniteStream(fc.nat(9)),
      (rows, picks) => {
        const bases = [[], ...rows.map((b, i) => b.filter((x) => x !== i + 1))]
        const w: World = {
          bases,
          version: Array(5).fill(1),
          builtOn: bases.map((b) => b.map(() => 1)),
          root: Array(5).fill(null),
          builds: Array(5).fill(0),
          order: [],
        }
        w.version[0] = 2
        for (let i = 0; i < 30 && step(w, 5, picks.next().value); i++);
        expect(Math.max(...w.builds)).toBeLessThanOrEqual(1)
      },
    ),
    { numRuns: 500 },
  )
})
