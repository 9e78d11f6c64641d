import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { movedKey, namespaceKey, parseNamespaceKey } from '../../src/people/namespace-key.ts'

test.each([
  ['one registry', 1, 'app', 'app'],
  ['the global namespace', 1, '_', '_'],
  ['several registries', 2, 'app', 'localhost:5000/app'],
  ['the global namespace of one of several', 2, '_', 'localhost:5000/_'],
])('the key with %s', (_what, registries, name, key) => {
  expect(namespaceKey('localhost:5000', name, registries)).toBe(key)
})

const one = ['localhost:5000']
const two = ['localhost:5000', 'registry.example.org']
test.each<[string, string[], string | null]>([
  ['app', one, 'app'],
  ['_', one, '_'],
  ['localhost:5000/app', one, 'app'],
  ['elsewhere:5000/app', one, null],
  ['app', two, null],
  ['localhost:5000/app', two, 'localhost:5000/app'],
  ['Registry.Example.org/_', two, 'registry.example.org/_'],
  ['elsewhere:5000/app', two, null],
  ['app/run', one, null],
  ['localhost:5000/app/run', two, null],
  ['App', one, null],
  ['', one, null],
  ['a\r\nb', one, null],
])('%j with %j is the key %j', (text, registries, key) => {
  expect(parseNamespaceKey(text, registries)).toBe(key)
})

describe('with other registries than before', () => {
  test.each<[string, string[], string[], string | null]>([
    ['app', ['a.test'], ['a.test', 'b.test'], 'a.test/app'],
    ['_', ['a.test'], ['b.test', 'a.test'], 'a.test/_'],
    ['app', ['a.test'], ['b.test', 'c.test'], 'a.test/app'],
    ['a.test/app', ['a.test'], ['a.test', 'b.test'], null],
    ['a.test/app', ['a.test', 'b.test'], ['a.test'], 'app'],
    ['b.test/app', ['a.test', 'b.test'], ['a.test'], null],
    ['a.test/app/web', ['a.test', 'b.test'], ['a.test'], null],
    ['app', ['a.test', 'b.test'], ['a.test', 'c.test'], '?/app'],
    ['app', ['a.test', 'b.test'], ['a.test'], '?/app'],
    ['?/app', ['a.test', 'b.test'], ['a.test'], null],
    ['?2/app', ['a.test'], ['a.test', 'b.test'], null],
    ['a.test/app', ['a.test', 'b.test', 'c.test'], ['b.test', 'c.test'], null],
    ['app', ['a.test'], ['b.test'], 'a.test/app'],
    ['a.test/app', ['b.test'], ['a.test'], 'app'],
    ['b.test/app', ['a.test'], ['b.test'], 'app'],
    ['a.test/app', ['a.test'], ['b.test'], null],
    ['app', [], ['a.test', 'b.test'], '?/app'],
    ['app', [], ['a.test'], null],
    ['a.test/app', [], ['a.test'], 'app'],
  ])('%s of %j is with %j %s', (key, before, names, moved) => {
    expect(movedKey(key, before, { names })).toBe(moved)
  })

  test.each<[string, string[], string[], string | null]>([
    ['app', ['a.test'], ['b.test'], null],
    ['app', ['a.test'], ['b.test', 'c.test'], 'b.test/app'],
    ['a.test/app', ['a.test', 'c.test'], ['b.test', 'c.test'], 'b.test/app'],
    ['a.test/app', ['a.test', 'c.test'], ['b.test'], 'app'],
    ['a.test/app', ['a.test', 'c.test'], ['c.test'], null],
    ['c.test/app', ['a.test', 'c.test'], ['b.test'], null],
  ])('%s of %j is with %j, called a.test before, %s', (key, before, names, moved) => {
    const canonical = (host: string) => (host === 'a.test' ? 'b.test' : host)
    expect(movedKey(key, before, { names, canonical })).toBe(moved)
  })

  test('there and back again is where it was', () => {
    const name = fc.stringMatching(/^[a-z]{1,4}$/)
    fc.assert(
      fc.property(name, fc.uniqueArray(name, { minLength: 2, maxLength: 4 }), (key, hosts) => {
        const moved = movedKey(key, [hosts[0]!], { names: hosts })!
        expect(movedKey(moved, hosts, { names: [hosts[0]!] })).toBe(key)
      }),
    )
  })
})
