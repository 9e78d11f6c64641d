import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { type Traits, traitsOf } from './estate-traits.ts'
import { cyclic, graph, picks } from './graphs.ts'
import { simulatedEstate } from './simulated-estate.ts'

/**
 * Two bases outside, t0 and t1, that move, and move back, while everything is built; recipes that are changed, go and come back; plans
 * that are cancelled, pauses, failures, and bases that a build does not take from where it is said. In any order.
 */
type Estate = ReturnType<typeof simulatedEstate>
type Shape = readonly (readonly number[])[]
type Given = { bases: Shape; stream: fc.Stream<number>; traits: Traits; troubles: readonly Trouble[] }
type Trouble = (typeof every)[number]

/** The same ones each time; FC_SEED and NUM_RUNS look for others, and longer. */
const runs = (numRuns: number) => ({
  numRuns: Number(process.env.NUM_RUNS ?? numRuns),
  seed: Number(process.env.FC_SEED ?? 1),
})

const every = ['move', 'back', 'second', 'cancel', 'pause', 'recipe', 'drop', 'fail'] as const
const mostBuilds = 400

const twoRoots = (shape: Shape): Shape => shape.map((own, i) => (i === 1 ? [] : own))
const shapes = fc.oneof(graph, cyclic).map(twoRoots)
const unused =
  (links: number[]): Traits['uses'] =>
  (tag, base) =>
    links[(tag * 5 + base) % links.length] !== 2
const odd = fc.record({
  kinds: fc.array(fc.nat(9), { minLength: 9, maxLength: 9 }),
  links: fc.array(fc.nat(9), { minLength: 30, maxLength: 30 }),
})

function checkAtMostOne({ builds }: Estate): void {
  for (const state of ['running', 'queued']) {
    const refs = builds.filter((build) => build.state === state).map(({ ref }) => ref)
    expect(refs).toEqual([...new Set(refs)])
  }
}

/** A base may move back between a decision and the worker that takes the build: what the planner asked for is what counts. */
const asked = new WeakMap<object, string>()

/** Until nothing is left to do by itself; with so many troubles on the way. `planned` is called after each decision. */
function storm(
  { bases, stream, traits, troubles }: Given,
  planned: (estate: Estate) => void = () => undefined,
): Estate {
  const gone = new Set<number>()
  const recipe: Traits['recipe'] = (tag) =>
    tag === 1 || gone.has(tag) ? null : traits.recipe ? traits.recipe(tag) : { auto: true, runnable: true, base: null }
  const estate = simulatedEstate(bases, { ...traits, recipe })
  const pick = (most: number) => stream.next().value % most
  const contents = ['t0-0']
  let [left, changes, failing] = [troubles.length, 0, 0]
  const may: Record<Trouble, () => void> = {
    move: () => void contents.push(estate.move()),
    back: () => estate.moveTo('t0', contents[pick(contents.length)]!),
    second: () => bases.length > 1 && estate.moveTo('t1', `t1-${pick(3)}`),
    cancel: () => {
      const roots = estate.builds.map(({ root }) => root)
      if (roots.length > 0) estate.decide(roots[pick(roots.length)]!, 'cancelled')
    },
    pause: () => estate.pause({ start: false, because: 'paused', again: null }),
    recipe: () => estate.changeRecipe(`t${pick(bases.length)}`, `recipes@${changes++ % 3}`),
    drop: () => {
      const tag = pick(bases.length)
      if (!gone.delete(tag)) gone.add(tag)
    },
    fail: () => void failing++,
  }
  const decide = () => {
    const did = estate.plan()
    checkAtMostOne(estate)
    for (const build of estate.builds) if (build.state === 'queued') asked.set(build, build.key)
    planned(estate)
    return did
  }
  estate.move()
  for (;;) {
    const { start, finish } = estate.able()
    const turns = [
      ...start.map((build) => () => estate.start(build)),
      ...finish.map((build) => () => estate.finish(build, failing > 0 && failing-- > 0)),
      ...(left > 0 ? [() => may[troubles[--left]!]()] : []),
      ...(start.length + finish.length + left > 0 ? [() => void decide()] : []),
    ]
    if (turns.length === 0) {
      estate.pause({ start: true })
      if (!decide() && estate.able().start.length === 0) return estate
      continue
    }
    turns[pick(turns.length)]!()
    if (estate.builds.length > mostBuilds) throw new Error(`more than ${mostBuilds} builds: it does not end`)
  }
}

/** Tags that stay outdated and wait, though for nothing that stays so for a reason of its own. A cause has one way, and in a cycle that may be around it. */
function unexplained(estate: Estate, bases: Shape): string[] {
  const states = estate.states()
  const outdated = new Set(estate.outdated())
  const below = (ref: string) => bases[Number(ref.slice(1))]!.map((base) => `t${base}`)
  const isOver = (ref: string): boolean => {
    const reached = new Set([ref])
    for (const one of reached) {
      const { state } = states.get(one)!
      if (/^(none|manual|pinned|failed|paused)$/.test(state)) return true
      if (state === 'waiting') for (const base of below(one)) if (outdated.has(base)) reached.add(base)
    }
    return false
  }
  return [...outdated].filter((ref) => !isOver(ref))
}

/** Tags of which the planner asked for a build of what their build before it was made of. */
const sameTwice = ({ builds }: Estate): string[] => {
  const done = builds.filter((build) => build.digest !== null).sort((a, b) => a.started - b.started)
  return [...Map.groupBy(done, ({ ref }) => ref)].flatMap(([ref, own]) =>
    own.some((build, i) => i > 0 && asked.get(build) === own[i - 1]!.key) ? [ref] : [],
  )
}

const troubled = fc.array(fc.constantFrom(...every), { maxLength: 8 })
/** Those after which everything can be rebuilt. */
const mendable = fc.array(fc.constantFrom<Trouble>('move', 'back', 'second', 'pause', 'recipe', 'fail'), {
  maxLength: 8,
})

describe('whatever happens while it is built', () => {
  test('it ends; nothing is built twice of the same; what stays outdated has a reason', () => {
    fc.assert(
      fc.property(shapes, picks, odd, troubled, (bases, stream, { kinds, links }, troubles) => {
        const traits = { ...traitsOf(kinds, links), uses: unused(links) }
        const estate = storm({ bases, stream, traits, troubles })
        expect(sameTwice(estate)).toEqual([])
        expect(unexplained(estate, bases)).toEqual([])
      }),
      runs(500),
    )
  })

  test('without cycles, and where all can be rebuilt, nothing stays outdated', () => {
    fc.assert(
      fc.property(graph.map(twoRoots), picks, mendable, (bases, stream, troubles) => {
        const estate = storm({ bases, stream, traits: {}, troubles })
        expect(estate.outdated()).toEqual([])
        expect(sameTwice(estate)).toEqual([])
      }),
      runs(300),
    )
  })

  test('nothing is queued on a base that is outdated, or about to be built', () => {
    fc.assert(
      fc.property(graph.map(twoRoots), picks, mendable, (bases, stream, troubles) => {
        const known = new Set<string>()
        storm({ bases, stream, traits: {}, troubles }, (estate) => {
          const fresh = estate.builds.filter(({ id, state }) => state === 'queued' && !known.has(id))
          for (const { id } of fresh) known.add(id)
          const stale = new Set(estate.outdated())
          const active = new Set(estate.builds.flatMap(({ ref, finishedAt }) => (finishedAt === null ? ref : [])))
          for (const { ref } of fresh) {
            const below = bases[Number(ref.slice(1))]!.map((base) => `t${base}`)
            expect(below.filter((base) => stale.has(base) || active.has(base))).toEqual([])
          }
        })
      }),
      runs(300),
    )
  })
})

/** So many layers of two tags, each on both of the layer below; over t0 and t1. */
const layers = (depth: number): Shape => [
  ...[[], []],
  ...Array.from({ length: depth }, (_, i) => [
    [2 * i, 2 * i + 1],
    [2 * i, 2 * i + 1],
  ]).flat(),
]

test('diamonds six deep, over two bases: each tag is built once for both that moved before, and after its own', () => {
  fc.assert(
    fc.property(picks, (stream) => {
      const estate = simulatedEstate(layers(6), {
        recipe: (tag) => (tag === 1 ? null : { auto: true, runnable: true, base: null }),
      })
      estate.move()
      estate.moveTo('t1', 't1-1')
      for (let idle = false; !idle; ) {
        const { start, finish } = estate.able()
        const turns = [
          ...start.map((build) => () => void estate.start(build)),
          ...finish.map((build) => () => estate.finish(build, false)),
        ]
        if (turns.length === 0) idle = !estate.plan()
        else if (stream.next().value % 3 === 0) estate.plan()
        else turns[stream.next().value % turns.length]!()
      }
      expect(estate.outdated()).toEqual([])
      expect(estate.builds.map(({ ref }) => ref).sort()).toEqual([...Array(12).keys()].map((i) => `t${i + 2}`).sort())
    }),
    runs(200),
  )
})
