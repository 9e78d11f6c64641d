import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { firstMatch } from '../src/build/path-globs.ts'
import { pathWildcard, wildcard, writtenOut } from '../src/wildcard.ts'

const segments = fc.string({
  unit: fc.constantFrom('a', 'b', '*', '?', '[ab]', '[!a]', '[a-c]', '.', '-', '**'),
  minLength: 1,
  maxLength: 6,
})
const texts = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '.', '-'), minLength: 1, maxLength: 8 })

/** The same patterns as a regular expression: the rule again, in other words. (picomatch is no judge here: `a/**` has `a`, a star before it not.) */
const inSegment = (part: string) =>
  part.replace(/\.|\*+|\?|\[!/g, (special) => ({ '.': '\\.', '?': '[^/]', '[!': '[^/' })[special] ?? '[^/]*')
const inPath = (glob: string) =>
  glob
    .split('/')
    .map((part) => (part === '**' ? '([^/]+/)*' : `${inSegment(part)}/`))
    .join('')

test('matches what the same expression does, in one segment', () =>
  fc.assert(
    fc.property(segments, texts, (pattern, text) =>
      expect([pattern, text, wildcard(pattern)(text)]).toEqual([
        ...[pattern, text],
        new RegExp(`^${inSegment(pattern)}$`).test(text),
      ]),
    ),
    { numRuns: 3000 },
  ))

test('and in paths', () => {
  const pattern = fc.array(fc.oneof(segments, fc.constantFrom('**', 'a', 'b')), { minLength: 1, maxLength: 5 })
  const path = fc.array(fc.constantFrom('a', 'b', 'ab', '.c'), { minLength: 1, maxLength: 6 })
  fc.assert(
    fc.property(pattern, path, (parts, names) => {
      const [glob, text] = [parts.join('/'), names.join('/')]
      expect([glob, text, pathWildcard(glob)(text)]).toEqual([
        ...[glob, text],
        new RegExp(`^${inPath(glob)}$`).test(`${text}/`),
      ])
    }),
    { numRuns: 3000 },
  )
})

test.each([
  ['a/**', 'a', true],
  ['*/**', 'a', true],
  ['**/a', 'a', true],
  ['a/**/b', 'a/b', true],
  ['a/**', 'b', false],
  ['a**b', 'a/b', false],
])('%s on %s: %s', (glob, path, expected) => expect(pathWildcard(glob)(path)).toBe(expected))

test.each([
  ['{go.mod,go.sum}', ['go.mod', 'go.sum']],
  ['{a,b}/{c,d}', ['a/c', 'a/d', 'b/c', 'b/d']],
  ['{a,{b,c}d}', ['a', 'bd', 'cd']],
  ['v{1..3}', ['v[1-3]']],
  ['{a}{', ['{a}{']],
  ['{,x}', ['', 'x']],
])('%s is %j', (glob, all) => expect(writtenOut(glob, 10)).toEqual(all))

test('braces are not written out for ever', () => expect(writtenOut('{a,b}'.repeat(100), 200)).toBeNull())

test.each(['**/a*a*a*a*a*a*a*a*b', '**/a*/**/a*/**/a*/**/b', '*a*a*a*a*a*a*a*a*b'])(
  '%s against what nearly fits comes to an end (trying every star again, it would in no lifetime)',
  (glob) => expect(firstMatch([glob], ['x/'.repeat(500) + 'a'.repeat(2000), 'a/'.repeat(1000)])).toBeNull(),
)

test.each([
  ['stars', '*a*a*a*a*a*a*a*a*b'],
  ['many stars', `${'a*'.repeat(200)}b`],
  ['marks and stars', `${'?*'.repeat(100)}b`],
])('%s look at a character no more often than the product of both lengths', (_, pattern) => {
  let looks = 0
  const text = new Proxy(Object('a'.repeat(2000)), {
    get(target, key) {
      if (key !== 'length') looks++
      return Reflect.get(target, key)
    },
  })
  expect(wildcard(pattern)(text)).toBe(false)
  expect(looks).toBeGreaterThan(1999)
  expect(looks).toBeLessThanOrEqual(pattern.length * 2000)
})
