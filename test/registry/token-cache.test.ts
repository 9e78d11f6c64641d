import { expect, test } from '@jest/globals'
import { TokenCache } from '../../src/registry/token-cache.ts'

test('a token is good until it ends, for its scope alone', () => {
  const cache = new TokenCache()
  cache.set('a', { value: 'one', endsAt: 100 })
  expect([cache.get('a', 99), cache.get('b', 99), cache.get('a', 100), cache.get('a', 50)]).toEqual([
    'one',
    null,
    null,
    null,
  ])
})

test('a newer token takes the place of an older one, and can be forgotten', () => {
  const cache = new TokenCache()
  cache.set('a', { value: 'one', endsAt: 100 })
  cache.set('a', { value: 'two', endsAt: 200 })
  expect(cache.get('a', 150)).toBe('two')
  cache.delete('a')
  expect(cache.get('a', 150)).toBeNull()
})

test('of more than a thousand, those unused longest go', () => {
  const cache = new TokenCache()
  for (let i = 0; i < 1000; i++) cache.set(`${i}`, { value: `${i}`, endsAt: 100 })
  expect(cache.get('0', 0)).toBe('0')
  cache.set('new', { value: 'new', endsAt: 100 })
  expect([cache.get('0', 0), cache.get('1', 0), cache.get('new', 0)]).toEqual(['0', null, 'new'])
})
