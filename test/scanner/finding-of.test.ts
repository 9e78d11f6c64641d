import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { featuresOf, findingOf, mostFindings, type Outdated } from '../../src/scanner/finding-of.ts'

const digest = (digit: string) => `sha256:${digit.repeat(64)}`
const outdated: Outdated = {
  ...{ base: 'reg:5000/lib/base:1', via: null, from: digest('a'), to: digest('b') },
  ...{ role: 'runtime', confidence: 'inferred' },
}
const of = (more: Partial<Outdated> = {}) =>
  findingOf('http://drydock.test', { ...outdated, ...more }).Vulnerabilities[0]!
const short = (digit: string) => `sha256:${digit.repeat(12)}`

test.each<[string, Partial<Outdated>, string, string]>([
  ['', {}, `Outdated base: reg:5000/lib/base:1, ${short('a')} -> ${short('b')}`, 'Medium'],
  [
    'of which it is not known what it was',
    { from: null },
    `Outdated base: reg:5000/lib/base:1, an earlier digest -> ${short('b')}`,
    'Medium',
  ],
  [
    'through another tag',
    { via: 'reg:5000/app/run:1' },
    `Outdated base: reg:5000/lib/base:1, ${short('a')} -> ${short('b')} (through reg:5000/app/run:1)`,
    'Medium',
  ],
  [
    'of a build stage',
    { role: 'build' },
    `Outdated base: reg:5000/lib/base:1, ${short('a')} -> ${short('b')} (in a build stage)`,
    'Medium',
  ],
  [
    'that is not certain',
    { confidence: 'ambiguous' },
    `Perhaps outdated base: reg:5000/lib/base:1, ${short('a')} -> ${short('b')}`,
    'Low',
  ],
  ['that may not be named', { base: null, confidence: 'ambiguous' }, 'Outdated base (withheld)', 'Medium'],
])('names a base %s', (_, more, Name, Severity) => {
  expect(of(more)).toMatchObject({ Name, Severity })
})

test('leads to all that is outdated by the base, or, where it may not be named, to the start', () => {
  expect(of().Link).toBe('http://drydock.test/?base=reg%3A5000%2Flib%2Fbase%3A1')
  expect(of({ base: null }).Link).toBe('http://drydock.test/')
})

test('tells apart what only capitals tell apart, which MySQL does not', () => {
  const names = [of({ base: 'reg:5000/lib/base:Rc' }), of({ base: 'reg:5000/lib/base:rC' })].map(({ Name }) => Name)
  expect(new Set(names.map((name) => name.toLowerCase())).size).toBe(2)
})

const part = fc.stringMatching(/^[a-z0-9]{1,60}$/)
const ref = fc
  .tuple(part, fc.array(part, { minLength: 1, maxLength: 5 }), fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,120}$/))
  .map(([host, path, tag]) => `${host}.example/${path.join('/')}:${tag}`)
const hex = fc.constantFrom('a', 'b', 'c').map(digest)
const any = fc.record({
  base: fc.option(ref),
  via: fc.option(ref),
  from: fc.option(hex),
  to: hex,
  role: fc.constantFrom('runtime' as const, 'build' as const, 'unknown' as const),
  confidence: fc.constantFrom('declared' as const, 'inferred' as const, 'ambiguous' as const),
})

test('fits, in ASCII, whatever the names are, and all of it is told by its name alone, whatever its capitals', () => {
  fc.assert(
    fc.property(any, any, fc.boolean(), (one, other, alike) => {
      const two = alike ? { ...other, base: one.base, from: one.from, to: one.to } : other
      const [a, b] = [of(one), of(two)]
      for (const text of Object.values(a)) expect(text).toMatch(/^[\x20-\x7e]{1,255}$/)
      if (a.Name.toLowerCase() === b.Name.toLowerCase()) expect(a).toEqual(b)
      if (one.base !== two.base) expect(a.Name).not.toBe(b.Name)
    }),
  )
})

const names = (all: readonly Outdated[]) =>
  featuresOf('http://drydock.test', all).map(({ Vulnerabilities }) => Vulnerabilities[0]!.Name)
const numbered = (count: number, more: Partial<Outdated> = {}) =>
  Array.from({ length: count }, (_, n) => ({ ...outdated, base: `reg:5000/lib/b${1000 + n}:1`, ...more }))

test('each finding is told once, and as many as there is room for', () => {
  expect(names([outdated, { ...outdated }])).toHaveLength(1)
  expect(names(numbered(mostFindings)).at(-1)).toContain(`b${999 + mostFindings}`)
})

test('of more, the certain ones come first, and the last says that there are further ones', () => {
  const unsure = numbered(mostFindings, { confidence: 'ambiguous' })
  const all = names([...unsure, ...numbered(3)])
  expect(all).toHaveLength(mostFindings)
  expect(all.slice(0, 3)).toEqual(names(numbered(3)))
  expect(all.at(-1)).toBe('Outdated bases (further ones)')
})
