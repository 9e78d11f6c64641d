import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { RootPlan } from '../../src/plan/assemble-plan.ts'
import { cyclic, graph, picks, reachedFrom0 } from './graphs.ts'
import { simulatedEstate } from './simulated-estate.ts'

/** The fan-out while persons hold it up and let it go on, in any order; and while a base moves on and on. */

type Estate = ReturnType<typeof simulatedEstate>
type Turn = () => unknown

const root = 't0@t0-1'
const succeeded = (estate: Estate) => estate.builds.filter((build) => build.state === 'succeeded').map(({ ref }) => ref)
const workers = (estate: Estate): Turn[] => {
  const { start, finish } = estate.able()
  return [
    ...start.map((build) => () => estate.start(build)),
    ...finish.map((build) => () => estate.finish(build, false)),
    () => estate.plan(),
  ]
}

/** Until nothing is left to do. */
function toTheEnd(estate: Estate, pick: () => number, after: () => void = () => undefined): void {
  for (let turns = 0; turns < 2000; turns++) {
    const all = workers(estate)
    if (all.length === 1 && !estate.plan()) return
    all[pick() % all.length]!()
    after()
  }
  throw new Error('it does not end')
}

type Hindrance = { hold: (estate: Estate) => void; free: (estate: Estate) => void; mayStart: boolean }
const decide =
  (state: RootPlan['state']) =>
  (estate: Estate): void =>
    estate.decide(root, state)
const go = (estate: Estate) => estate.pause({ start: true })

/** What has begun goes on. A stop and a closed window take back what is queued; a pause keeps it, and an approval waited for adds none. */
const hindrances: [string, Hindrance][] = [
  ['its plan waits for approval', { hold: decide('approval'), free: decide('open'), mayStart: true }],
  ['its plan is stopped', { hold: decide('stopped'), free: decide('open'), mayStart: false }],
  [
    'everything is paused',
    { hold: (e) => e.pause({ start: false, because: 'paused', again: null }), free: go, mayStart: false },
  ],
  [
    'its window is closed',
    { hold: (e) => e.pause({ start: false, because: 'window', again: null }), free: go, mayStart: false },
  ],
]

describe.each(hindrances)('while %s', (_name, { hold, free, mayStart }) => {
  test('from the beginning: nothing of it starts; then everything is built once', () => {
    fc.assert(
      fc.property(graph, picks, (bases, stream) => {
        const estate = simulatedEstate(bases)
        const pick = () => stream.next().value
        estate.move()
        hold(estate)
        toTheEnd(estate, pick)
        expect(estate.builds).toEqual([])
        free(estate)
        toTheEnd(estate, pick)
        expect(succeeded(estate).sort()).toEqual(reachedFrom0(bases))
        expect(estate.outdated()).toEqual([])
      }),
      { numRuns: 200 },
    )
  })

  test('from some moment on: nothing more is queued, what runs ends; then the rest is built, each tag once', () => {
    fc.assert(
      fc.property(graph, picks, fc.nat(40), (bases, stream, when) => {
        const estate = simulatedEstate(bases)
        const pick = () => stream.next().value
        estate.move()
        for (let turn = 0; turn < when; turn++) {
          const turns = workers(estate)
          turns[pick() % turns.length]!()
        }
        hold(estate)
        const [known, begun] = [estate.builds.length, estate.able().finish.length + succeeded(estate).length]
        toTheEnd(estate, pick)
        expect(estate.builds).toHaveLength(known)
        if (!mayStart) expect(succeeded(estate)).toHaveLength(begun)
        free(estate)
        toTheEnd(estate, pick)
        expect(succeeded(estate).sort()).toEqual(reachedFrom0(bases))
        expect(estate.outdated()).toEqual([])
      }),
      { numRuns: 200 },
    )
  })
})

test('a plan that was cancelled never goes on; the next move of the base is another, and builds everything', () => {
  fc.assert(
    fc.property(graph, picks, fc.nat(40), (bases, stream, when) => {
      const estate = simulatedEstate(bases)
      const pick = () => stream.next().value
      estate.move()
      for (let turn = 0; turn < when; turn++) {
        const turns = workers(estate)
        turns[pick() % turns.length]!()
      }
      estate.decide(root, 'cancelled')
      const begun = estate.able().finish.length + succeeded(estate).length
      toTheEnd(estate, pick)
      expect(succeeded(estate)).toHaveLength(begun)
      estate.move()
      toTheEnd(estate, pick)
      expect(estate.outdated()).toEqual([])
      const anew = estate.builds.filter((build) => build.state === 'succeeded' && build.root !== root)
      expect(anew.map(({ ref }) => ref).sort()).toEqual(reachedFrom0(bases))
    }),
    { numRuns: 300 },
  )
})

test('however often a base moves, a tag has at most one build running and one queued', () => {
  const atMostOne = (estate: Estate) => {
    for (const state of ['running', 'queued']) {
      const refs = estate.builds.filter((build) => build.state === state).map(({ ref }) => ref)
      expect(refs).toEqual([...new Set(refs)])
    }
  }
  fc.assert(
    fc.property(fc.oneof(graph, cyclic), picks, fc.integer({ min: 2, max: 30 }), (bases, stream, moves) => {
      const estate = simulatedEstate(bases)
      const pick = () => stream.next().value
      for (let left = moves; left > 0; atMostOne(estate)) {
        const turns = [...workers(estate), () => left-- && estate.move()]
        turns[pick() % turns.length]!()
      }
      toTheEnd(estate, pick, () => atMostOne(estate))
    }),
    { numRuns: 300 },
  )
})

test('a base that moves a hundred times while one build runs is built on twice', () => {
  const estate = simulatedEstate([[], [0]])
  estate.move()
  estate.plan()
  estate.start(estate.able().start[0]!)
  for (let i = 0; i < 100; i++) {
    estate.move()
    estate.plan()
  }
  estate.finish(estate.able().finish[0]!, false)
  toTheEnd(estate, () => 0)
  expect(succeeded(estate)).toEqual(['t1', 't1'])
  expect(estate.builds).toHaveLength(2)
  expect(estate.outdated()).toEqual([])
})
