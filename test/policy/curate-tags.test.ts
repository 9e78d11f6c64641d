import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { curateTags } from '../../src/policy/curate-tags.ts'
import { faultOfGlob, globMatcher } from '../../src/policy/tag-globs.ts'
import { TagPolicy } from '../../src/policy/tag-policy.ts'

/** Tags in the order of their pushes. */
const curate = (names: string, policy: object) =>
  curateTags(
    names.split(' ').map((name, i) => ({ name, headAt: BigInt(i) })),
    { scope: 'app', ...TagPolicy.parse(policy) },
  )
const ignored = (names: string, policy: object): string =>
  [...curate(names, policy)].flatMap(([name, why]) => (why ? [`${name}(${why.rule}: ${why.detail})`] : [])).join(' ')
const left = (names: string, policy: object): string =>
  [...curate(names, policy)].flatMap(([name, why]) => (why ? [] : [name])).join(' ')

describe('which tags matter', () => {
  test('all, where no rule says otherwise', () => {
    expect(ignored('latest 1.2.3 pr-7 main-3f2a91c', {})).toBe('')
  })
  test('the rule, its scope and what it found', () => {
    expect(curate('pr-7', { exclude: ['tmp', 'pr-*'] }).get('pr-7')).toEqual({
      rule: 'exclude',
      scope: 'app',
      detail: 'pr-*',
    })
    expect(ignored('1.2 dev', { include: ['latest', '[0-9]*'] })).toBe('dev(include: none of latest, [0-9]*)')
  })
  test.each([
    ['include then exclude', { include: ['1.*'], exclude: ['*-rc*'] }, '1.2 1.3-rc1 2.0', '1.2'],
    ['braces', { exclude: ['{pr,tmp}-*'] }, 'pr-1 tmp-2 v-3', 'v-3'],
    ['one character', { exclude: ['v?'] }, 'v1 v12', 'v12'],
    ['a class, and not of it', { exclude: ['[ab]*', '[!0-9]x'] }, 'a1 b2 c3 yx 1x', 'c3 1x'],
    ['a dot is a dot', { exclude: ['1.2'] }, '1.2 1x2', '1x2'],
    ['case counts', { exclude: ['PR-*'] }, 'pr-1 PR-1', 'pr-1'],
  ])('%s', (_what, policy, names, wanted) => expect(left(names, policy)).toBe(wanted))

  test('immutable tags are told from floating ones', () => {
    const floating = 'latest stable 3 v3 3.12 22-slim 3.12-slim bookworm main pr-7 cafe'
    const immutable = '1.2.3 v1.2.3-alpine 3.13.0rc1 20240127 bookworm-20240110-slim 2024-01-27 3f2a91c main-3f2a91c'
    expect(left(`${floating} ${immutable} main-sha-12ab sha-12ab 2.0.20348.2227`, { ignoreImmutable: true })).toBe(
      floating,
    )
    expect(ignored('1.2.3 20240127 main-3f2a91c build-7', { ignoreImmutable: true, immutable: ['build-*'] })).toBe(
      '1.2.3(immutable: a full version) 20240127(immutable: a date) main-3f2a91c(immutable: a commit) build-7(immutable: build-*)',
    )
    expect(ignored('1.2.3 build-7', { immutable: ['build-*'] })).toBe('')
  })

  test('the newest by version, of each family; floating tags are neither counted nor dropped', () => {
    const names = '1.10 1.9 1.2 latest 1 1.10-slim 1.9-slim 1.2-slim v1.1 1.2.3 1.2.4 1.2.5'
    expect(left(names, { keepNewest: 2 })).toBe('1.10 1.9 latest 1 1.10-slim 1.9-slim v1.1 1.2.4 1.2.5')
    expect(ignored('1.10 1.9', { keepNewest: 1 })).toBe('1.9(keepNewest: not of the 1 newest by version)')
  })
  test('pre-releases crowd out no release', () => {
    expect(left('1.9.9 2.0.0-rc1 2.0.0-rc2 2.0.0-beta', { keepNewest: 1 })).toBe('1.9.9 2.0.0-rc2')
  })
  test('the newest by push', () => {
    const policy = { keepNewest: 2, keepBy: 'push', immutable: ['pr-*'] }
    expect(left('latest 9.9 pr-1 stable 1.2.3 pr-2', policy)).toBe('latest stable 1.2.3 pr-2')
  })
  test('what another rule ignores is not counted', () => {
    expect(left('1.1 1.2 1.3-rc1 1.4', { exclude: ['1.4'], keepNewest: 1 })).toBe('1.2 1.3-rc1')
  })
})

const names = fc.uniqueArray(
  fc.oneof(
    fc.tuple(fc.nat(4), fc.nat(4), fc.constantFrom('', '-slim', '-rc1')).map(([a, b, c]) => `${a}.${b}${c}`),
    fc.constantFrom('latest', '3', 'pr-1', 'pr-2', 'sha-1', '3f2a91c', '1.2.3', '20240127'),
  ),
)
const globs = fc.array(fc.constantFrom('pr-*', '1.*', '*-slim', '?.?', '{latest,3}'), { maxLength: 2 })
const policies = fc.record({
  include: globs,
  exclude: globs,
  keepNewest: fc.option(fc.integer({ min: 1, max: 4 })),
  keepBy: fc.constantFrom('version' as const, 'push' as const),
  ignoreImmutable: fc.boolean(),
  immutable: globs,
})

test('whatever the policy: the order does not matter, all is answered, and what matters alone matters still', () =>
  fc.assert(
    fc.property(names, policies, (all, policy) => {
      const scoped = { ...policy, scope: 'app' }
      const tags = all.map((name, i) => ({ name, headAt: BigInt(i % 3) }))
      const found = curateTags(tags, scoped)
      expect([...found.keys()].sort()).toEqual([...all].sort())
      expect([...curateTags(tags.toReversed(), scoped)].sort()).toEqual([...found].sort())
      const kept = tags.filter(({ name }) => found.get(name) === null)
      expect([...curateTags(kept, scoped).values()].every((why) => why === null)).toBe(true)
    }),
  ))

describe('patterns', () => {
  test.each([
    ['', 'an empty pattern matches nothing'],
    ['!pr-*', 'a pattern is not negated: put it under exclude'],
    ['feature/*', `no tag's name holds "/"; patterns are of * ? [abc] {a,b}`],
    ['a b', `no tag's name holds " "; patterns are of * ? [abc] {a,b}`],
    ['+(a|b)', `no tag's name holds "+"; patterns are of * ? [abc] {a,b}`],
    ['*a*a*a*a*', 'more than 4 times *'],
    ['[ab', 'a [ and its ] do not pair'],
    ['ab]', 'a [ and its ] do not pair'],
    ['{a,b', 'a { and its } do not pair'],
    ['a}', 'a { and its } do not pair'],
    ['{a}', 'braces without a comma: {a,b} is one of these'],
    ['{a,{b,c}}', 'braces within braces'],
    ['[z-a]', 'the range z-a is backwards'],
    ['{0,1}'.repeat(10), 'more than 1000 names or patterns in braces'],
  ])('%j is refused', (glob, why) => expect(faultOfGlob(glob)).toBe(why))

  test('any other text of a pattern can be used, and soon', () => {
    const text = fc.string({
      unit: fc.constantFrom('a', '1', '.', '-', '_', '*', '?', '[', ']', '!', '^', '{', '}', ','),
      maxLength: 40,
    })
    fc.assert(
      fc.property(text, (glob) => {
        if (faultOfGlob(glob) !== null) return
        const matches = globMatcher([glob])
        expect([null, glob]).toContain(matches('a'.repeat(127)))
      }),
    )
  })
  test('the most wildcards on the longest name end', () => {
    expect(globMatcher(['*a*a*a*b'])('a'.repeat(128))).toBeNull()
    expect(globMatcher(['*a*a*a*b'])(`${'a'.repeat(127)}b`)).toBe('*a*a*a*b')
  })
})
