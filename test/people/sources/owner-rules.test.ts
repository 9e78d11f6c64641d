import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { faultOfPattern, ownerRules, regexOf } from '../../../src/people/sources/owner-rules.ts'
import { pathWildcard } from '../../../src/wildcard.ts'
import { type TestDatabase, testDatabase } from '../../support/postgres.ts'

let pg: TestDatabase
beforeAll(async () => {
  pg = await testDatabase()
})
afterAll(() => pg.close())

describe('what a pattern matches', () => {
  const all = ['app', 'app/run', 'app/web', 'app/web/admin', 'lib/web', 'lib/base', 'lib/app/x', 'web']
  test.each<[string, string[]]>([
    ['*', all],
    ['**', all],
    ['web', ['app/web', 'app/web/admin', 'lib/web', 'web']],
    ['/web', ['web']],
    ['/*', ['app', 'web']],
    ['/**', all],
    ['/*/', ['app/run', 'app/web', 'app/web/admin', 'lib/web', 'lib/base', 'lib/app/x']],
    ['app', ['app', 'app/run', 'app/web', 'app/web/admin', 'lib/app/x']],
    ['app/', ['app/run', 'app/web', 'app/web/admin', 'lib/app/x']],
    ['/app/', ['app/run', 'app/web', 'app/web/admin']],
    ['app/web', ['app/web', 'app/web/admin']],
    ['app/*', ['app/run', 'app/web']],
    ['app/**', ['app/run', 'app/web', 'app/web/admin']],
    ['app/*/', ['app/web/admin']],
    ['**/web', ['app/web', 'app/web/admin', 'lib/web', 'web']],
    ['app/**/admin', ['app/web/admin']],
    ['*/web', ['app/web', 'app/web/admin', 'lib/web']],
    ['app/r*', ['app/run']],
    ['app/r?n', ['app/run']],
    ['app/r?', []],
    ['ap', []],
    ['app/we', []],
    ['lib.base', []],
  ])('%s', async (pattern, expected) => {
    const regex = regexOf(pattern)
    expect(all.filter((name) => new RegExp(regex).test(name))).toEqual(expected)
    const rows =
      await pg.sql`select name from unnest(${all}::text[]) with ordinality as n (name, i) where name ~ ${regex} order by i`
    expect(rows.map(({ name }) => name)).toEqual(expected)
  })
})

const segment = fc.stringMatching(/^[ab]{1,2}$/)
const name = fc.array(segment, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'))
const piece = fc.oneof(fc.stringMatching(/^[ab*?]{1,3}$/), fc.constant('**'))
const pattern = fc
  .tuple(fc.boolean(), fc.array(piece, { minLength: 1, maxLength: 4 }), fc.boolean())
  .map(([rooted, parts, below]) => `${rooted ? '/' : ''}${parts.join('/')}${below ? '/' : ''}`)
  .filter((text) => faultOfPattern(text) === null)

test('a pattern matches what its words say, whatever it is made of', () => {
  fc.assert(
    fc.property(pattern, name, (text, repository) => {
      expect(new RegExp(regexOf(text)).test(repository)).toBe(inWords(text, repository))
    }),
    { numRuns: 5000 },
  )
})

/** The rules of docs/people.md, one after another, by the names that a repository is below. */
function inWords(text: string, repository: string): boolean {
  const whole = text.slice(0, -1).includes('/')
  const plain = text.replace(/^\//, '').replace(/\/$/, '')
  const last = plain.split('/').at(-1)
  const matches = (path: string) => {
    if (last !== '**') return pathWildcard(whole ? plain : `**/${plain}`)(path)
    // what a ** at the end stands for is not empty
    const before = plain.split('/').slice(0, -1)
    return pathWildcard([...(whole ? [] : ['**']), ...before, '*', '**'].join('/'))(path)
  }
  const parts = repository.split('/')
  const above = parts.slice(0, -1).map((_, i) => parts.slice(0, i + 1).join('/'))
  if (text.endsWith('/')) return last === '**' ? above.some(matches) || matches(repository) : above.some(matches)
  if (whole && last === '*') return matches(repository)
  return matches(repository) || above.some(matches)
}

test('any pattern is taken or has a fault, and what is taken is a regular expression of PostgreSQL too', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.stringMatching(/^[a-c*?./\-_[\]!\\()|+^${},A]{0,12}$/), { minLength: 20, maxLength: 20 }),
      async (texts) => {
        const taken = texts.filter((text) => text !== '' && faultOfPattern(text) === null).map(regexOf)
        const [row] =
          await pg.sql`select count(*)::int as count from unnest(${taken}::text[]) as r where 'a/b' ~ r or not 'a/b' ~ r`
        expect(row?.count).toBe(taken.length)
      },
    ),
    { numRuns: 50 },
  )
})

test('a pattern that would take a matcher that tries everything for ever is no burden to the database', async () => {
  const worst = regexOf('*a*a*a*a*a*a*a*a*a')
  const names = Array.from({ length: 100 }, (_, i) => `${'a'.repeat(200)}b/${'a'.repeat(i)}c`)
  expect(await pg.sql`select name from unnest(${names}::text[]) as name where name ~ ${worst}`).toHaveLength(0)
  expect(await pg.sql`select where ${'a'.repeat(200)} ~ ${worst}`).toHaveLength(1)
  expect(faultOfPattern('*a'.repeat(11))).toContain('wildcards')
})

describe('the lines of owners', () => {
  test('patterns, owners, comments and blanks', () => {
    const rules = ownerRules('# who\n\n* ops@example.org\t@ada  # all\r\n  app/ @bob\nlib/base\n#end')
    expect(rules.map(({ line, pattern, owners, fault }) => [line, pattern, owners, fault])).toEqual([
      [3, '*', ['ops@example.org', '@ada'], null],
      [4, 'app/', ['@bob'], null],
      [5, 'lib/base', [], null],
    ])
  })
  test.each(['!app @ada', 'app/[ab] @ada', 'App @ada', 'a\\b @ada', 'a//b @ada', '/ @ada', 'a/**b @ada', 'a:1 @ada'])(
    '%s is no rule, and says why',
    (line) => {
      expect(ownerRules(`\n${line}\nlib @bob`).map(({ line: at, regex, fault }) => [at, regex, fault])).toEqual([
        [2, '', expect.stringMatching(/./)],
        [3, regexOf('lib'), null],
      ])
    },
  )
})
