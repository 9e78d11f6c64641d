import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { type TagFact, timeline } from '../../src/ingest/timeline.ts'

const second = 1_000_000_000n
type Change = Partial<TagFact> & { id?: string }
const fact = (kind: 'push' | 'delete', digest: string | null, at: number, { id, ...rest }: Change = {}): TagFact => ({
  kind,
  digest,
  at: BigInt(Math.round(at * 1000)) * 1_000_000n,
  sourceId: id ?? `${kind} ${digest} ${at}`,
  exact: true,
  wholeDigest: false,
  ...rest,
})
const push = (digest: string, at: number, rest?: Change) => fact('push', digest, at, rest)
const found = (digest: string, at: number, rest?: Change) => fact('push', digest, at, { exact: false, ...rest })
const remove = (at: number, rest?: Change) => fact('delete', null, at, rest)
const removeDigest = (digest: string, at: number) => fact('delete', digest, at, { wholeDigest: true })
const written = (facts: TagFact[]) =>
  timeline(facts).map(
    (s) => `${s.digest} ${Number(s.from) / 1e9}-${s.to === null ? '' : Number(s.to) / 1e9}${s.exact ? '' : '~'}`,
  )

describe('timeline', () => {
  test.each<[string, TagFact[], string[]]>([
    ['nothing', [], []],
    ['a push', [push('A', 1)], ['A 1-']],
    ['a move', [push('A', 1), push('B', 2)], ['A 1-2', 'B 2-']],
    ['the newest push wins, however late it is told', [push('B', 2), push('A', 1)], ['A 1-2', 'B 2-']],
    ['the same digest again is one stay', [push('A', 1), push('A', 2), push('B', 3)], ['A 1-3', 'B 3-']],
    ['a move back is a move', [push('A', 1), push('B', 2), push('A', 3)], ['A 1-2', 'B 2-3', 'A 3-']],
    ['equal times: by id', [push('B', 1, { id: 'y' }), push('A', 1, { id: 'x' })], ['B 1-']],
    [
      'a stay of no length leaves one stay',
      [push('A', 1), push('B', 2, { id: 'x' }), push('A', 2, { id: 'y' })],
      ['A 1-'],
    ],
    ['a delete', [push('A', 1), remove(2)], ['A 1-2']],
    ['pushed again after a delete', [push('A', 1), remove(2), push('A', 3)], ['A 1-2', 'A 3-']],
    ['a delete told before the push it follows', [remove(2), push('A', 1)], ['A 1-2']],
    ['a delete of what was never pushed', [remove(2)], []],
    ['a digest is deleted under the tag', [push('A', 1), removeDigest('A', 2)], ['A 1-2']],
    [
      'a digest is deleted that the tag has left',
      [push('A', 1), push('B', 2), removeDigest('A', 3)],
      ['A 1-2', 'B 2-'],
    ],
    [
      'a digest delete, then the tag delete that comes with it',
      [push('A', 1), removeDigest('A', 2), remove(2.1)],
      ['A 1-2'],
    ],
    ['found', [found('A', 1)], ['A 1-~']],
    ['found where it is known to be', [push('A', 1), found('A', 2)], ['A 1-']],
    ['found, and its event comes later', [found('A', 5), push('A', 1)], ['A 1-']],
    ['found elsewhere', [push('A', 1), found('B', 2)], ['A 1-2', 'B 2-~']],
    ['found in the very second of its push', [push('A', 1), found('B', 7), push('B', 7.4)], ['A 1-7.4', 'B 7.4-']],
    ['found a second before a push of the same: another one', [found('B', 6), push('B', 7.4)], ['B 6-~']],
    ['found gone', [push('A', 1), remove(2, { exact: false })], ['A 1-2']],
  ])('%s', (_, facts, spans) => {
    expect(written(facts)).toEqual(spans)
  })

  const anyFact = fc
    .record({
      kind: fc.constantFrom('push' as const, 'push' as const, 'delete' as const),
      digest: fc.constantFrom('A', 'B', 'C'),
      at: fc.integer({ min: 0, max: 6 }),
      sourceId: fc.constantFrom('x', 'y', 'z'),
      exact: fc.boolean(),
      wholeDigest: fc.boolean(),
    })
    .map(
      (f): TagFact => ({
        ...f,
        at: BigInt(f.at) * (second / 2n),
        wholeDigest: f.kind === 'delete' && f.wholeDigest,
        sourceId: `${f.sourceId} ${f.kind} ${f.digest} ${f.exact} ${f.wholeDigest}`,
      }),
    )

  test('is the same in any order and however often a fact is told', () => {
    const told = fc.array(anyFact, { maxLength: 10 }).chain((facts) =>
      fc.record({
        facts: fc.constant(facts),
        again: fc.shuffledSubarray([...facts, ...facts], { minLength: facts.length }),
      }),
    )
    fc.assert(
      fc.property(told, ({ facts, again }) => {
        expect(timeline([...again, ...facts])).toEqual(timeline(facts))
        expect(timeline([...facts, ...again])).toEqual(timeline(facts))
      }),
    )
  })

  test('spans follow each other, and neighbours without a gap differ', () => {
    fc.assert(
      fc.property(fc.array(anyFact, { maxLength: 12 }), (facts) => {
        const spans = timeline(facts)
        spans.forEach((span, i) => {
          const next = spans[i + 1]
          expect(span.to === null).toBe(next === undefined && span.to === null)
          if (span.to !== null) expect(span.from < span.to).toBe(true)
          if (next) expect(span.to! < next.from || (span.to === next.from && span.digest !== next.digest)).toBe(true)
        })
      }),
    )
  })
})
