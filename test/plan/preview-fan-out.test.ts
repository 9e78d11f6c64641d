import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { RebuildStateName } from '../../src/plan/assemble-plan.ts'
import { type PreviewTag, preview } from '../../src/plan/preview.ts'
import type { PreviewNode } from '../../src/plan/preview-node.ts'
import { traitsOf } from './estate-traits.ts'
import { simulatedEstate } from './simulated-estate.ts'

/** The preview against the planner itself: what it says of a push of tag 0 is what then happens in the simulated estate. */

/** One number a tag and an edge picks what is not plain about it. */
const world = (rows: fc.Arbitrary<number[][]>) =>
  fc.record({
    rows,
    kinds: fc.array(fc.nat(7), { minLength: 8, maxLength: 8 }),
    links: fc.array(fc.nat(9), { minLength: 30, maxLength: 30 }),
  })

const acyclic = world(
  fc
    .array(fc.uniqueArray(fc.nat(8), { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 8 })
    .map((rows) => [[], ...rows.map((bases, i) => [...new Set(bases.map((base) => base % (i + 1)))])]),
)
const cyclic = world(
  fc
    .array(fc.uniqueArray(fc.nat(5), { minLength: 1, maxLength: 3 }), { minLength: 2, maxLength: 5 })
    .map((rows) => [[], ...rows.map((bases, i) => bases.filter((base) => base !== i + 1 && base <= rows.length))]),
)

const plain: ReturnType<typeof traitsOf> = {
  recipe: () => ({ auto: true, runnable: true, base: null }),
  held: () => false,
  edge: () => ({ confidence: 'declared', pinned: false }),
}

function previewOf(estate: ReturnType<typeof simulatedEstate>, rows: number[][], traits: ReturnType<typeof traitsOf>) {
  const below = new Set([0])
  for (let size = 0; size !== below.size; ) {
    size = below.size
    for (const [i, own] of rows.entries()) if (own.some((base) => below.has(base))) below.add(i)
  }
  const tags = estate.tags().flatMap((tag, i): PreviewTag[] => {
    if (i === 0 || !below.has(i)) return []
    const edges = rows[i]!.map((base) => {
      const { confidence, pinned } = traits.edge(i, base)
      const rivals = confidence === 'ambiguous' ? ['outside'] : []
      return { base: `t${base}`, role: 'runtime' as const, confidence, pinned, counted: true, rivals, unknown: false }
    })
    return [{ ...tag, edges, hold: tag.held ? 'snoozed' : null, seconds: 60 }]
  })
  const none = new Set<string>()
  return preview({ ref: 't0', tags, bases: [], pending: none, snoozedBases: none, observe: false })
}

/** All workers there could be: a round is planned, built and pushed as a whole. The round in which each tag was (first) built. */
function rounds(estate: ReturnType<typeof simulatedEstate>): Map<string, number> {
  const built = new Map<string, number>()
  estate.move()
  for (let round = 1; estate.plan(); round++) {
    const { start } = estate.able()
    for (const build of start) estate.start(build)
    for (const build of start) {
      if (!built.has(build.ref)) built.set(build.ref, round)
      estate.finish(build, false)
    }
  }
  return built
}

const stateOf: Record<PreviewNode['decision'], RebuildStateName | null> = {
  ...{
    rebuild: null,
    manual: 'manual',
    'no-builder': 'manual',
    'no-recipe': 'none',
    'moves-along': null,
    pinned: 'pinned',
    ambiguous: 'manual',
  },
  ...{ waits: 'waiting', paused: 'paused', ignored: 'paused', snoozed: null, unknown: null, 'not-counted': null },
  failed: 'failed',
}

test('all that the planner builds was foreseen, at its level; what it does not, for the reason it gives', () => {
  fc.assert(
    fc.property(acyclic, ({ rows, kinds, links }) => {
      const traits = traitsOf(kinds, links)
      const estate = simulatedEstate(rows, traits)
      const { nodes } = previewOf(estate, rows, traits)
      const levels = nodes.flatMap(({ ref, level }) => (level === null ? [] : [[ref, level] as const]))
      expect(new Map(levels)).toEqual(rounds(estate))
      const states = estate.states()
      for (const { ref, decision, waitsFor } of nodes) {
        const expected = stateOf[decision]
        if (expected !== null) expect([ref, states.get(ref)!.state]).toEqual([ref, expected])
        if (decision === 'waits') expect(waitsFor).toEqual(states.get(ref)!.waitsFor)
      }
      expect(estate.outdated().filter((ref) => !nodes.some((node) => node.ref === ref))).toEqual([])
    }),
    { numRuns: 1000 },
  )
})

describe('every node', () => {
  test('comes after all it waits for, once, and after its bases', () => {
    fc.assert(
      fc.property(acyclic, ({ rows }) => {
        const { nodes, cycles, seconds } = previewOf(simulatedEstate(rows), rows, plain)
        const level = new Map(nodes.map((node) => [node.ref, node.level!]))
        expect([level.size, cycles]).toEqual([nodes.length, []])
        for (const { ref, waitsFor } of nodes) {
          const bases = rows[Number(ref.slice(1))]!.map((base) => `t${base}`).filter((base) => level.has(base))
          expect(waitsFor).toEqual(bases.sort())
          expect(level.get(ref)).toBe(1 + Math.max(0, ...bases.map((base) => level.get(base)!)))
        }
        expect(seconds).toBe(60 * Math.max(0, ...level.values()))
      }),
    )
  })
})

test('with cycles the same tags are built, each once', () => {
  fc.assert(
    fc.property(cyclic, fc.boolean(), ({ rows, kinds, links }, odd) => {
      const traits = odd ? traitsOf(kinds, links) : plain
      const estate = simulatedEstate(rows, traits)
      const { nodes, cycles } = previewOf(estate, rows, traits)
      const levels = nodes.flatMap(({ ref, level }) => (level === null ? [] : [[ref, level] as const]))
      expect(new Map(levels)).toEqual(rounds(estate))
      for (const node of nodes) expect(node.cycle).toBe(cycles.some((cycle) => cycle.includes(node.ref)))
    }),
    { numRuns: 1000 },
  )
})
