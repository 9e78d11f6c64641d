import { describe, expect, test } from '@jest/globals'
import type { PlanCause } from '../../src/plan/assemble-plan.ts'
import { type PreviewEdge, type PreviewInput, type PreviewTag, preview } from '../../src/plan/preview.ts'
import { previewEdges } from '../../src/plan/preview-edges.ts'

const edge = (base: string, more: Partial<PreviewEdge> = {}): PreviewEdge => ({
  ...{ base, role: 'runtime', confidence: 'declared', pinned: false, counted: true, rivals: [], unknown: false },
  ...more,
})
const tag = (ref: string, edges: PreviewEdge[], more: Partial<PreviewTag> = {}): PreviewTag => ({
  ...{ ref, edges, hold: null, seconds: null, headSince: new Date(0), causes: [], declared: [], key: null, builds: [] },
  ...{ bases: edges.filter((e) => e.counted && !e.pinned).map((e) => e.base), stand: null, judged: true },
  recipe: { auto: true, runnable: true, base: null },
  ...more,
})
const foresee = (tags: PreviewTag[], more: Partial<PreviewInput> = {}) =>
  preview({ ref: 'base', tags, bases: [], pending: new Set(), snoozedBases: new Set(), observe: false, ...more })
/** "ref decision level < waitsFor" */
const said = (tags: PreviewTag[], more: Partial<PreviewInput> = {}) =>
  foresee(tags, more).nodes.map(({ ref, decision, level, waitsFor }) =>
    [ref, decision, ...(level === null ? [] : [level]), ...(waitsFor.length > 0 ? ['<', ...waitsFor] : [])].join(' '),
  )
const cause = (base: string, via: string | null, more: Partial<PlanCause> = {}): PlanCause => ({
  ...{ base, from: null, to: `${base}@now`, via, confidence: 'declared', pinned: false, since: 0n, ...more },
})
const none = { recipe: null }

const on = (...bases: string[]) => bases.map((base) => edge(base))
test.each<[string, PreviewTag[], Partial<PreviewInput>, string[]]>([
  ['a child', [tag('a', on('base'))], {}, ['a rebuild 1']],
  ['a chain', [tag('a', on('base')), tag('b', on('a'))], {}, ['a rebuild 1', 'b rebuild 2 < a']],
  [
    'a diamond once, after both sides',
    [tag('a', on('base')), tag('b', on('base')), tag('c', on('a', 'b'))],
    {},
    ['a rebuild 1', 'b rebuild 1', 'c rebuild 2 < a b'],
  ],
  [
    'several bases, the deepest last',
    [tag('a', on('base')), tag('b', on('a')), tag('c', on('base', 'b'))],
    {},
    ['a rebuild 1', 'b rebuild 2 < a', 'c rebuild 3 < b'],
  ],
  [
    'no recipe: what is built on it waits, and what is on that',
    [tag('a', on('base'), none), tag('b', on('a')), tag('c', on('b'))],
    {},
    ['a no-recipe', 'b waits < a', 'c waits < b'],
  ],
  ['auto: false', [tag('a', on('base'), { recipe: { auto: false, runnable: true, base: null } })], {}, ['a manual']],
  ['no builder', [tag('a', on('base'), { recipe: { auto: true, runnable: false, base: null } })], {}, ['a no-builder']],
  ['pinned', [tag('a', [edge('base', { pinned: true })])], {}, ['a pinned']],
  ['ignored', [tag('a', on('base'), { hold: 'ignored' })], {}, ['a ignored']],
  ['snoozed', [tag('a', on('base'), { hold: 'snoozed' })], {}, ['a snoozed']],
  ['the base snoozed', [tag('a', on('base'))], { snoozedBases: new Set(['base']) }, ['a snoozed']],
  [
    'a base between snoozed: what it moves is left alone',
    [tag('a', on('base')), tag('b', on('a'))],
    { snoozedBases: new Set(['a']) },
    ['a rebuild 1', 'b snoozed'],
  ],
  ['observed only', [tag('a', on('base'))], { observe: true }, ['a paused']],
  ['not counted', [tag('a', [edge('base', { role: 'build', counted: false })])], {}, ['a not-counted']],
  [
    'a child of what does not count',
    [tag('a', [edge('base', { counted: false })]), tag('b', on('a'))],
    {},
    ['a not-counted'],
  ],
  ['not to be judged', [tag('a', [edge('base', { unknown: true })])], {}, ['a unknown']],
  [
    'another name still there',
    [tag('a', [edge('base', { confidence: 'inferred', rivals: ['copy'] })])],
    {},
    ['a ambiguous'],
  ],
  [
    'another name still there, and the recipe names the one that moves',
    [
      tag('a', [edge('base', { confidence: 'inferred', rivals: ['copy'] })], {
        recipe: { auto: true, runnable: true, base: 'base' },
      }),
    ],
    {},
    ['a rebuild 1'],
  ],
  [
    'both names move in the end',
    [
      tag('a', on('base')),
      tag('b', on('a')),
      tag('c', [
        edge('a', { confidence: 'ambiguous', rivals: ['b'] }),
        edge('b', { confidence: 'ambiguous', rivals: ['a'] }),
      ]),
    ],
    {},
    ['a rebuild 1', 'b rebuild 2 < a', 'c rebuild 3 < a b'],
  ],
  [
    'outdated already through something that stays so',
    [tag('a', on('base', 'stuck'), { causes: [cause('far', 'stuck')] })],
    {},
    ['a waits < stuck'],
  ],
  [
    'outdated already through something that is about to be rebuilt',
    [tag('a', on('base', 'soon'), { causes: [cause('far', 'soon')] })],
    { pending: new Set(['soon']) },
    ['a rebuild 1 < soon'],
  ],
  [
    'outdated already by a base that moved before',
    [tag('a', on('base', 'other'), { causes: [cause('other', null)] })],
    {},
    ['a rebuild 1'],
  ],
  [
    'outdated through the very tag that is pushed',
    [tag('a', on('base'), { causes: [cause('far', 'base')] })],
    {},
    ['a rebuild 1'],
  ],
  [
    'a FROM by digest beside one by name: the other is rebuilt for',
    [tag('a', [edge('base', { pinned: true }), edge('b')]), tag('b', on('base'))],
    {},
    ['b rebuild 1', 'a rebuild 2 < b'],
  ],
  ['itself as a base', [tag('a', on('base', 'a'))], {}, ['a rebuild 1']],
  ['what it does not concern', [tag('a', on('other'))], {}, []],
])('%s', (_, tags, more, wanted) => expect(said(tags, more)).toEqual(wanted))

describe('a cycle', () => {
  const round = [tag('a', on('base', 'c')), tag('b', on('a')), tag('c', on('b')), tag('d', on('c'))]
  test('is reported, and each of it built once', () => {
    const { nodes, cycles } = foresee(round)
    expect(cycles).toEqual([['a', 'b', 'c']])
    expect(nodes.map(({ ref, level, cycle }) => [ref, level, cycle])).toEqual([
      ['a', 1, true],
      ['b', 2, true],
      ['c', 3, true],
      ['d', 4, false],
    ])
  })
  test('through the tag itself is reported too', () => {
    expect(foresee([tag('a', on('base'))], { bases: ['a'] }).cycles).toEqual([['a', 'base']])
  })
})

test('of a very long chain so many levels are followed, and that is said', () => {
  const chain = Array.from({ length: 150 }, (_, i) => tag(`t${i}`, on(i === 0 ? 'base' : `t${i - 1}`)))
  const { nodes, cut, seconds } = foresee(chain)
  expect([cut, seconds, nodes.filter(({ level }) => level !== null).length]).toEqual([true, null, 100])
  expect(nodes.at(-1)!.decision).toBe('waits')
})

test('it takes as long as the longest way', () => {
  const took = (seconds: number | null) => ({ seconds })
  const tags = [tag('a', on('base'), took(10)), tag('b', on('base'), took(60)), tag('c', on('a'), took(20))]
  expect(foresee(tags).seconds).toBe(60)
  expect(foresee([...tags, tag('d', on('b', 'c'), took(5))]).seconds).toBe(65)
  expect(foresee([...tags, tag('d', on('b', 'c'), took(null))]).seconds).toBe(null)
  expect(foresee([]).seconds).toBe(0)
})

describe('the bases of a tag', () => {
  const row = (
    ref: string | null,
    more: Partial<Parameters<typeof previewEdges>[0]['platforms'][number]['bases'][number]> = {},
  ) => ({
    ...{ ref, digest: 'd', role: 'runtime' as const, confidence: 'declared' as const, pinned: false },
    ...more,
  })
  const verdict = (platforms: Parameters<typeof previewEdges>[0]['platforms'], more = {}) => ({
    ...{ ref: 't', platforms, because: [], countsBuild: false, moved: new Set<string>() },
    ...more,
  })
  const at = new Map([['d', ['x', 'copy', 't']]])

  test('are one for each name and role; a bare digest is none', () => {
    const edges = previewEdges(
      verdict([
        { platform: 'p', bases: [row('x'), row('x', { role: 'build' }), row(null)] },
        { platform: 'q', bases: [row('x')] },
      ]),
      at,
    )
    expect(edges.map(({ base, role, counted, rivals }) => [base, role, counted, rivals])).toEqual([
      ['x', 'runtime', true, []],
      ['x', 'build', false, []],
    ])
  })
  test('that are inferred have rivals: the other candidates that have not moved, and whatever is at that digest', () => {
    const inferred = { confidence: 'ambiguous' as const }
    const platforms = [
      { platform: 'p', bases: [row('x', inferred), row('y', inferred), row('z', { ...inferred, digest: null })] },
    ]
    expect(previewEdges(verdict(platforms), at).map((e) => e.rivals)).toEqual([
      ['copy', 'y', 'z'],
      ['copy', 'x', 'z'],
      ['x', 'y'],
    ])
    expect(previewEdges(verdict(platforms, { moved: new Set(['y']) }), at)[0]!.rivals).toEqual(['copy', 'z'])
  })
  test('are not to be judged where no platform knows what it has', () => {
    const because = [{ reason: 'digest-unknown', base: 'x', platform: 'p' }]
    const both = ['p', 'q'].map((platform) => ({ platform, bases: [row('x')] }))
    expect(previewEdges(verdict(both, { because }), at)[0]!.unknown).toBe(false)
    expect(previewEdges(verdict(both.slice(0, 1), { because }), at)[0]!.unknown).toBe(true)
  })
})
