import { expect, test } from '@jest/globals'
import { namespaceKey, parseNamespaceKey } from '../../src/people/namespace-key.ts'

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
