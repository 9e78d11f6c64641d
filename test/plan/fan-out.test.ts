import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { type Traits, traitsOf } from './estate-traits.ts'
import { cyclic, graph, picks, reachedFrom0 } from './graphs.ts'
import { simulatedEstate } from './simulated-estate.ts'

type Options = { moves: number; failing: boolean; most: number; traits?: Traits }

/** What is not plain about tags and edges: traitsOf. */
const odd = fc.record({
  kinds: fc.array(fc.nat(7), { minLength: 9, maxLength: 9 }),
  links: fc.array(fc.nat(5), { minLength: 30, maxLength: 30 }),
})
const everyBuilt: Traits['recipe'] = () => ({ auto: true, runnable: true, base: null })

/** Moves tag 0, and lets planner, workers and further moves take turns in any order until nothing is left to do. */
function run(bases: readonly (readonly number[])[], stream: fc.Stream<number>, o: Options) {
  const estate = simulatedEstate(bases, o.traits)
  estate.move()
  return work(estate, stream, { ...o, moves: o.moves - 1 })
}

/** The same from how it stands, with so many moves to come. */
function work(estate: ReturnType<typeof simulatedEstate>, stream: fc.Stream<number>, o: Options) {
  const { moves, failing, most } = o
  const pick = () => stream.next().value
  let failures = 0
  let left = moves
  for (;;) {
    const { start, finish } = estate.able()
    const turns = [
      ...start.map((build) => () => estate.start(build)),
      ...finish.map((build) => () => estate.finish(build, failing && failures++ < 3 && pick() % 3 === 0)),
      ...(left > 0 ? [() => void (left-- && estate.move())] : []),
      ...(start.length + finish.length > 0 ? [() => void estate.plan()] : []),
    ]
    if (turns.length === 0 && !estate.plan()) return estate
    turns[pick() % Math.max(turns.length, 1)]?.()
    if (estate.builds.length > most) throw new Error(`more than ${most} builds: it does not end`)
  }
}

const succeeded = (estate: ReturnType<typeof simulatedEstate>) =>
  estate.builds.filter((build) => build.state === 'succeeded')

describe('one move of a base', () => {
  test('whatever the graph: all that is based on it is built once, after all of its bases, and nothing is left', () => {
    fc.assert(
      fc.property(graph, picks, (bases, stream) => {
        const estate = run(bases, stream, { moves: 1, failing: false, most: 50 })
        const done = succeeded(estate)
        expect(estate.outdated()).toEqual([])
        expect(done.map((build) => build.ref).sort()).toEqual(reachedFrom0(bases))
        expect(done.every((build) => build.root === 't0@t0-1')).toBe(true)
        for (const build of done)
          for (const base of build.bases)
            for (const other of done.filter((one) => one.ref === base.name))
              expect(build.started).toBeGreaterThan(other.finished)
      }),
      { numRuns: 1000 },
    )
  })

  test('an ambiguous base that moves late is waited for as any other', () => {
    const unsure: Traits['edge'] = (tag, base) => ({
      confidence: `${tag}-${base}` === '2-0' || `${tag}-${base}` === '4-2' ? 'ambiguous' : 'declared',
      pinned: false,
    })
    const stream = fc.sample(picks, 1)[0]!
    const estate = run([[], [0], [1, 0], [0], [0, 2]], stream, {
      ...{ moves: 1, failing: false, most: 50 },
      traits: { edge: unsure },
    })
    expect(
      succeeded(estate)
        .map((build) => build.ref)
        .sort(),
    ).toEqual(['t1', 't2', 't3', 't4'])
  })

  test('whatever is ambiguous, pinned, held or without a recipe: nothing is built twice', () => {
    fc.assert(
      fc.property(graph, picks, odd, fc.boolean(), (bases, stream, { kinds, links }, all) => {
        const traits = { ...traitsOf(kinds, links), ...(all ? { recipe: everyBuilt, held: () => false } : {}) }
        const estate = run(bases, stream, { moves: 1, failing: false, most: 50, traits })
        const done = succeeded(estate).map((build) => build.ref)
        expect(done).toEqual([...new Set(done)])
      }),
      { numRuns: 1000 },
    )
  })

  test('a plan made when the base has moved foresees every build of it, whatever is odd and whoever takes turns', () => {
    fc.assert(
      fc.property(
        graph,
        picks,
        odd,
        fc.constantFrom('plain', 'edges', 'all'),
        (bases, stream, { kinds, links }, how) => {
          const traits = { plain: {}, edges: { edge: traitsOf(kinds, links).edge }, all: traitsOf(kinds, links) }[how]
          const before = simulatedEstate(bases, traits)
          before.move()
          const foreseen = before.foresee('t0@t0-1')
          const estate = run(bases, stream, { moves: 1, failing: true, most: 50, traits })
          const levels = foreseen.nodes.flatMap(({ ref, level }) => (level === null ? [] : [ref]))
          expect(levels.sort()).toEqual([...new Set(succeeded(estate).map(({ ref }) => ref))].sort())
          const rest = foreseen.nodes.flatMap(({ ref, because }) => (because === null ? [] : [ref]))
          const left = estate.outdated().filter((ref) => !levels.includes(ref))
          expect(rest.sort()).toEqual(left.sort())
        },
      ),
      { numRuns: 1000 },
    )
  })

  test('so does the plan of the next move, over all that the first left stale', () => {
    fc.assert(
      fc.property(graph, picks, odd, fc.boolean(), (bases, stream, { kinds, links }, all) => {
        const { edge, ...rest } = traitsOf(kinds, links)
        const traits = all ? { edge, ...rest } : { edge }
        const estate = run(bases, stream, { moves: 1, failing: false, most: 50, traits })
        const before = estate.builds.length
        const digest = estate.move()
        const foreseen = estate.foresee(`t0@${digest}`)
        work(estate, stream, { moves: 0, failing: true, most: 100 })
        const done = estate.builds.slice(before).filter((build) => build.state === 'succeeded')
        const levels = foreseen.nodes.flatMap(({ ref, level }) => (level === null ? [] : [ref]))
        expect(levels.sort()).toEqual(done.map(({ ref }) => ref).sort())
      }),
      { numRuns: 1000 },
    )
  })

  test('a base that is stale, and brings nothing but what the tag is outdated by anyway, is not built on at any time', () => {
    const traits: Traits = {
      recipe: (tag) => (tag === 3 ? null : { auto: true, runnable: true, base: null }),
      edge: (tag) => ({ confidence: tag === 3 ? 'ambiguous' : 'declared', pinned: false }),
    }
    for (const stream of fc.sample(picks, 50)) {
      const estate = run([[], [0], [0], [2], [0, 3]], stream, { moves: 1, failing: true, most: 50, traits })
      expect([...new Set(succeeded(estate).map(({ ref }) => ref))].sort()).toEqual(['t1', 't2'])
      expect(estate.states().get('t4')).toMatchObject({ state: 'waiting', waitsFor: ['t3'] })
    }
  })

  test('builds that fail are tried again, and what is based on them waits', () => {
    fc.assert(
      fc.property(graph, picks, (bases, stream) => {
        const estate = run(bases, stream, { moves: 1, failing: true, most: 50 })
        expect(estate.outdated()).toEqual([])
        expect(
          succeeded(estate)
            .map((build) => build.ref)
            .sort(),
        ).toEqual(reachedFrom0(bases))
      }),
      { numRuns: 500 },
    )
  })

  test('with cycles it ends, and all that is based on it is built once', () => {
    fc.assert(
      fc.property(cyclic, picks, (bases, stream) => {
        const estate = run(bases, stream, { moves: 1, failing: false, most: 100 })
        const done = succeeded(estate).map((build) => build.ref)
        expect(done.sort()).toEqual(reachedFrom0(bases))
      }),
      { numRuns: 1000 },
    )
  })
})

describe('several moves while it is being worked on', () => {
  test('each tag is built at most once a move, never two at a time, and nothing is left', () => {
    fc.assert(
      fc.property(graph, picks, fc.integer({ min: 2, max: 4 }), (bases, stream, moves) => {
        const estate = run(bases, stream, { moves, failing: false, most: 300 })
        expect(estate.outdated()).toEqual([])
        for (const ref of reachedFrom0(bases)) {
          const own = succeeded(estate).filter((build) => build.ref === ref)
          expect(own.length).toBeGreaterThan(0)
          expect(own.length).toBeLessThanOrEqual(moves)
          own.slice(1).forEach((build, i) => {
            expect(build.started).toBeGreaterThan(own[i]!.finished)
          })
        }
      }),
      { numRuns: 500 },
    )
  })

  test('with cycles it ends', () => {
    fc.assert(
      fc.property(cyclic, picks, fc.integer({ min: 2, max: 4 }), (bases, stream, moves) => {
        const estate = run(bases, stream, { moves, failing: true, most: 500 })
        expect(succeeded(estate).length).toBeLessThan(500)
      }),
      { numRuns: 500 },
    )
  })
})
