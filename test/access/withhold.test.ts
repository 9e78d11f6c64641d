import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { replaceBare } from '../../src/access/bare-names.ts'
import { decoded } from '../../src/access/name-grammar.ts'
import { keysIn, namesIn, vocabularyOf, withhold } from '../../src/access/withhold.ts'

const one = vocabularyOf([['reg:5000', 'registry.example']])
const two = vocabularyOf([['a.test'], ['b.test:5000', 'alias.test']])
const isHidden = (key: string) => key === 'hush' || key.endsWith('/hush')
const shown = (value: unknown, words = one) => withhold(value, words, isHidden)

describe('a hidden name is withheld', () => {
  test.each([
    ['alone', 'reg:5000/hush/base:1', '(withheld)'],
    ['with a digest', `reg:5000/hush/base:1@sha256:${'a'.repeat(64)}`, '(withheld)'],
    ['by digest alone', `reg:5000/hush/base@sha256:${'a'.repeat(64)}`, '(withheld)'],
    ['under an alias', 'registry.example/hush/base:1', '(withheld)'],
    ['in other letters', 'REG:5000/Hush/Base:1', '(withheld)'],
    ['at the end of a sentence', 'it waits for reg:5000/hush/base:1.', 'it waits for (withheld).'],
    ['in quotes and brackets', '("reg:5000/hush/a/b:1", reg:5000/hush/c)', '("(withheld)", (withheld 2))'],
    ['as a namespace', 'all of reg:5000/hush/* moved', 'all of (withheld)* moved'],
    ['in an address', 'GET http://reg:5000/v2/hush/base/manifests/1: 404', 'GET http://(withheld): 404'],
    ['in a link', 'http://d/tags/reg%3A5000%2Fhush%2Fbase%3A1?x', 'http://d/tags/(withheld)?x'],
    ['behind an encoded sign', 'next=%2Freg%3A5000%2Fhush%2Fbase', 'next=%2F(withheld)'],
    ['in HTML', '<a>reg:5000/hush/base:1</a>', '<a>(withheld)</a>'],
    ['twice', 'reg:5000/hush/a:1 and reg:5000/hush/a:1', '(withheld) and (withheld)'],
    [
      'with and without digest',
      `reg:5000/hush/a:1 reg:5000/hush/a:1@sha256:${'b'.repeat(64)}`,
      '(withheld) (withheld)',
    ],
    [
      'without its host, where it stands with it too',
      'hush/base has no 1: reg:5000/hush/base:1',
      '(withheld 2) has no 1: (withheld)',
    ],
  ])('%s', (_, text, wanted) => expect(shown(text)).toBe(wanted))
})

describe('at an IPv6 address', () => {
  const six = vocabularyOf([['[::1]:5000', '[fd00::1]']])
  test.each([
    ['[::1]:5000/hush/base:1', '(withheld)'],
    ['[fd00::1]/hush/base', '(withheld)'],
    ['[FD00::1]/hush/base', '(withheld)'],
    ['http://d/tags/%5B%3A%3A1%5D%3A5000%2Fhush%2Fbase%3A1', 'http://d/tags/(withheld)'],
    ['GET http://[::1]:5000/v2/hush/base/manifests/1: 404', 'GET http://(withheld): 404'],
    ['[::1]:5000/open/base:1 [::1]:5001/hush/base:1', '[::1]:5000/open/base:1 [::1]:5001/hush/base:1'],
  ])('%s', (text, wanted) => expect(shown(text, six)).toBe(wanted))
})

test('a registry that is configured no more: its namespaces have keys of their own, beside one and beside several', () => {
  const text = 'gone.test/hush/x:1 gone.test/solo:1 gone.test/hush reg:5000/hush/x:1'
  const beside = (...own: string[][]) => [...keysIn(text, vocabularyOf(own, [['gone.test']]))]
  expect(beside()).toEqual(['gone.test/hush', 'gone.test/_'])
  expect(beside(['reg:5000'])).toEqual(['gone.test/hush', 'gone.test/_', 'hush'])
  expect(beside(['reg:5000'], ['b.test'])).toEqual(['gone.test/hush', 'gone.test/_', 'reg:5000/hush'])
  // another is called so now
  expect(beside(['reg:5000', 'gone.test'])).toEqual(['hush', '_'])
})

describe('what stays', () => {
  test.each([
    'reg:5000/open/base:1',
    'reg:5000/hushed/base:1',
    'reg:5000/solo:1',
    'reg:5000/open/hush:1',
    'other.test/hush/base:1',
    'myreg:5000/hush/base:1',
    'sub.registry.example/hush/base:1',
    'reg:5000',
    'reg:5000/',
    'hush/base',
  ])('%s', (text) => expect(shown(text)).toBe(text))
})

test('with several registries a namespace is of its own', () => {
  const hidden = (key: string) => key === 'a.test/hush' || key === 'b.test:5000/_'
  const text = 'a.test/hush/x:1 b.test:5000/hush/x:1 alias.test/solo:1 a.test/solo:1 a.test/hush'
  expect(withhold(text, two, hidden)).toBe('(withheld) b.test:5000/hush/x:1 (withheld 2) a.test/solo:1 (withheld 3)')
})

test('the shape stays, and one name is one placeholder in all of it', () => {
  const value = {
    ref: 'reg:5000/open/run:1',
    causes: [{ base: 'reg:5000/hush/base:1', via: null, counted: true, stillAt: ['reg:5000/hush/base:old'], n: 3 }],
    again: 'reg:5000/hush/base:1',
    byName: { 'reg:5000/hush/base:1': 1 },
  }
  expect(shown(value)).toEqual({
    ref: 'reg:5000/open/run:1',
    causes: [{ base: '(withheld)', via: null, counted: true, stillAt: ['(withheld 2)'], n: 3 }],
    again: '(withheld)',
    byName: { '(withheld)': 1 },
  })
  expect(keysIn(value, one)).toEqual(new Set(['open', 'hush']))
})

test('of what is withheld by its ref neither digest nor state is told, and of nothing else', () => {
  const node = {
    digest: 'sha256:a',
    status: 'outdated',
    decision: 'failed',
    seconds: 7,
    rebuild: { state: 'failed' },
    level: 2,
  }
  const bare = { digest: null, status: null, decision: null, seconds: null, rebuild: null, level: 2 }
  const [hidden, open] = ['reg:5000/hush/base:1', 'reg:5000/open/run:1']
  const tree = { ref: open, ...node, children: [{ ref: hidden, ...node, children: [{ ref: open, ...node }] }] }
  expect(shown(tree)).toEqual({
    ...{ ref: open, ...node },
    children: [{ ref: '(withheld)', ...bare, children: [{ ref: open, ...node }] }],
  })
  const others = [
    { ref: `see ${hidden}`, ...node },
    { base: hidden, ...node },
    { ref: hidden, n: 1 },
  ]
  expect(shown(others)).toEqual([
    { ref: 'see (withheld)', ...node },
    { base: '(withheld)', ...node },
    { ref: '(withheld)', n: 1 },
  ])
})

test('without a host, where a handler says so', () => {
  const text = 'no layer of hush/base:1, nor xhush/base, hush/base/more, hush/bases'
  expect(withhold(text, one, isHidden, ['hush/base'])).toBe(
    'no layer of (withheld), nor xhush/base, hush/base/more, hush/bases',
  )
})

/** Of many names as one pattern, which is slow: the same is found. */
const slow = (names: readonly string[]) => {
  const any = names.toSorted((a, b) => b.length - a.length).map((one) => one.replaceAll('/', '(?:/|%2F)'))
  const tag = '(?::|%3A)[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9_-])?'
  const source = `(?:(?<![A-Za-z0-9._/-])|(?<=%[0-9A-Fa-f]{2}))(?:${any.join('|')})(?![A-Za-z0-9/]|[._-]+[A-Za-z0-9])(?:${tag})?`
  return new RegExp(source, 'gi')
}

test('without a host, among many names: what one pattern of all of them finds', () => {
  const word = fc.constantFrom('hush', 'a', 'base', 'B', 'a-b', '2F')
  const names = fc.uniqueArray(fc.array(word, { minLength: 1, maxLength: 4 }).map((all) => all.join('/').toLowerCase()))
  const text = fc
    .array(
      fc.oneof(word, fc.constantFrom('/', '%2F', '%2f', '%2B', '%', ':', '%3A', ':1', ' ', '.', '-', '_', '@', '\n')),
    )
    .map((all) => all.join(''))
  const mark = (found: string) => `<${found}>`
  fc.assert(
    fc.property(names, text, (all, said) => {
      fc.pre(all.length > 0)
      expect(replaceBare(said, new Set(all), mark)).toBe(said.replace(slow(all), (found) => mark(decoded(found))))
    }),
    { numRuns: 1000 },
  )
})

test('without a host: with a tag or a digest, where a handler names it so', () => {
  const found = (text: string, ...names: string[]) => withhold(text, one, isHidden, names)
  expect(found('hush/base:1 hush/base:2', 'hush/base:1')).toBe('(withheld) hush/base:2')
  expect(found('hush/base:v1. hush%2Fbase%3Av1.', 'Hush/base:v1.')).toBe('(withheld). (withheld).')
  expect(found('hush/base@sha256:a hush', 'hush/base@sha256:a', 'hush')).toBe('(withheld)@sha256:a (withheld 2)')
})

test('what it costs to look for names without a host goes by the text, not by their number', () => {
  let asked = 0
  class Counting extends Set<string> {
    override has(name: string): boolean {
      asked++
      return super.has(name)
    }
  }
  const counted = (many: number, text: string): number => {
    const names = new Counting(Array.from({ length: many }, (_, i) => `hush/project-${i}`))
    asked = 0
    replaceBare(text, names, () => '')
    return asked
  }
  const text = 'no layer of hush/project-7, nor of other%2Fa%2Fb '.repeat(1000)
  expect(counted(10_000, text)).toBe(counted(10, text))
  expect(counted(10_000, text)).toBeLessThan(text.length)
  const long = 'a%2F'.repeat(50_000)
  expect(counted(10_000, long)).toBeLessThan(long.length)
})

const part = fc.stringMatching(/^[a-z0-9]+([._-][a-z0-9]+)?$/)
const path = fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'))
const tag = fc.option(fc.stringMatching(/^:[A-Za-z0-9_][A-Za-z0-9_-]{0,8}$/), { nil: '' })
const host = fc.constantFrom('reg:5000', 'registry.example', 'REG:5000', 'Registry.Example')
const filler = fc.string({ unit: fc.constantFrom(...' ,;()"\'<>\n|\u00e9') }).map((text) => ` ${text} `)
const name = fc.tuple(host, path, tag).map(([h, p, t]) => `${h}/${p}${t}`)
const encode = fc.constantFrom((text: string) => text, encodeURIComponent)

test('whatever stands around it, no name of a hidden namespace is left, and nothing else is lost', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(filler, fc.tuple(host, path, tag), encode)), filler, (pieces, end) => {
      const hidden = pieces.map(([before, [h, p, t], as]) => `${before}${as(`${h}/hush/${p}${t}`)}`).join('') + end
      const out = withhold(hidden, one, isHidden)
      expect(out).not.toMatch(/hush/i)
      expect(out.replace(/\(withheld(?: \d+)?\)/g, '')).toBe(pieces.map(([before]) => before).join('') + end)
    }),
  )
})

test('where nothing is hidden, nothing changes', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.array(name), (json, names) => {
      const value = { json, names, text: names.join(' ') }
      expect(withhold(value, one, () => false)).toEqual(value)
    }),
  )
})

test('what was withheld stays so: a second time changes nothing', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(name, filler)), (texts) => {
      const once = withhold(texts, one, () => true)
      expect(withhold(once, one, () => true)).toEqual(once)
    }),
  )
})

test('any text is looked through in time of its length, and names do not overlap', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'reg:5000/hus%2F@.-_ '), maxLength: 400 }), (text) => {
      let end = 0
      for (const found of namesIn(text, one)) {
        expect(found.start).toBeGreaterThanOrEqual(end)
        expect(found.end).toBeGreaterThan(found.start)
        end = found.end
      }
    }),
  )
  const long = `reg:5000/${'a-'.repeat(200_000)}`
  expect(namesIn(long, one)).toHaveLength(1)
})
