import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { baseOrder } from '../../src/plan/base-order.ts'

const order = (graph: Record<string, string[]>) => baseOrder(Object.keys(graph), (ref) => graph[ref]!)

describe('the order of bases', () => {
  test('bases first, whatever the order they are given in', () => {
    expect(order({ grand: ['child'], child: ['base'], base: [] })).toEqual([['base'], ['child'], ['grand']])
  })

  test('a cycle is one group, what hangs on it comes after', () => {
    expect(order({ a: ['b'], b: ['c'], c: ['a'], d: ['b'], e: [] })).toEqual([['e'], ['a', 'b', 'c'], ['d']])
  })

  test('a chain of 50,000 does not overflow', () => {
    const basesOf = (ref: string) => (ref === '0' ? [] : [String(Number(ref) - 1)])
    const refs = Array.from({ length: 50_000 }, (_, i) => String(49_999 - i))
    expect(baseOrder(refs, basesOf).at(-1)).toEqual(['49999'])
  })

  test('two share a group if and only if each reaches the other', () => {
    const graphs = fc.array(fc.uniqueArray(fc.nat(6), { maxLength: 3 }), { minLength: 7, maxLength: 7 })
    fc.assert(
      fc.property(graphs, (graph) => {
        const basesOf = (ref: string) => graph[Number(ref)]!.map(String)
        const groups = baseOrder(
          graph.map((_, i) => String(i)),
          basesOf,
        )
        const groupOf = new Map(groups.flatMap((group, i) => group.map((ref) => [ref, i] as const)))
        const reaches = (from: string, to: string, seen = new Set<string>()): boolean =>
          basesOf(from).some((base) => base === to || (!seen.has(base) && reaches(base, to, seen.add(base))))
        for (const [i] of graph.entries())
          for (const [j] of graph.entries()) {
            const [a, b] = [String(i), String(j)]
            if (a === b) continue
            expect(groupOf.get(a) === groupOf.get(b)).toBe(reaches(a, b) && reaches(b, a))
            if (reaches(a, b)) expect(groupOf.get(b)).toBeLessThanOrEqual(groupOf.get(a)!)
          }
      }),
    )
  })
})
