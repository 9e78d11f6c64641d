import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import picomatch from 'picomatch'
import { firstMatch } from '../src/build/path-globs.ts'
import { pathWildcard, wildcard, writtenOut } from '../src/wildcard.ts'

const segments = fc.string({
  unit: fc.constantFrom('a', 'b', '*', '?', '[ab]', '[!a]', '.', '-'),
  minLength: 1,
  maxLength: 6,
})
const texts = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '.', '-'), minLength: 1, maxLength: 8 })
/** What a shell's own patterns mean; `***`, `.` and `..` mean nothing of their own here. */
const plain = (text: string) => !/\*\*/.test(text) && !/^\.{1,2}$/.test(text)

test('matches what picomatch does, in one segment', () =>
  fc.assert(
    fc.property(segments.filter(plain), texts.filter(plain), (pattern, text) =>
      expect(wildcard(pattern)(text)).toBe(
        picomatch.isMatch(text, pattern, { dot: true, nonegate: true, noextglob: true, posix: true }),
      ),
    ),
    { numRuns: 3000 },
  ))

test('and in paths', () => {
  const pattern = fc.array(fc.oneof(segments.filter(plain), fc.constantFrom('**', 'a', 'b')), {
    minLength: 1,
    maxLength: 5,
  })
  const path = fc.array(fc.constantFrom('a', 'b', 'ab', '.c'), { minLength: 1, maxLength: 6 })
  fc.assert(
    fc.property(pattern, path, (parts, names) => {
      const [glob, text] = [parts.join('/'), names.join('/')]
      expect([glob, text, pathWildcard(glob)(text)]).toEqual([
        ...[glob, text],
        picomatch.isMatch(text, glob, { dot: true, nonegate: true, noextglob: true, posix: true }),
      ])
    }),
    { numRuns: 3000 },
  )
})

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
  '%s against what nearly fits takes no time worth telling',
  (glob) => {
    const begun = performance.now()
    expect(firstMatch([glob], ['x/'.repeat(500) + 'a'.repeat(2000), 'a/'.repeat(1000)])).toBeNull()
    expect(performance.now() - begun).toBeLessThan(1000)
  },
)
