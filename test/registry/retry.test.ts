import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { codeOfStatus, RegistryError } from '../../src/registry/registry-error.ts'
import { parseRetryAfter, pauseBefore, retrying } from '../../src/registry/retry.ts'

const policy = { attempts: 4, firstPause: 100, longestPause: 1_000, longestRetryAfter: 5_000 }
const quick = { ...policy, firstPause: 1, longestPause: 1 }
const now = new Date('2026-11-21T05:00:00Z')

describe('Retry-After', () => {
  test.each([
    ['seconds', '7', 7_000],
    ['a date', 'Sat, 21 Nov 2026 05:00:30 GMT', 30_000],
    ['a date that is over', 'Sat, 21 Nov 2026 04:00:00 GMT', 0],
    ['what is neither', 'soon', null],
    ['nothing', undefined, null],
  ])('%s', (_, header, milliseconds) => {
    expect(parseRetryAfter(header, now)).toBe(milliseconds)
  })
})

describe('the pause', () => {
  test('doubles, at random between half and whole, and has a longest', () => {
    const range = (tried: number) => [0, 0.999999].map((random) => pauseBefore(policy, tried, null, random))
    expect(range(1)).toEqual([50, 100])
    expect(range(2)).toEqual([100, 200])
    expect(range(3)).toEqual([200, 400])
    expect(range(9)).toEqual([500, 1_000])
  })

  test('is never shorter than the registry asked for', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.nat(100_000),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (tried, after, random) => {
          const wait = pauseBefore(policy, tried, after, random)
          return wait >= after && wait <= Math.max(after, policy.longestPause)
        },
      ),
    )
  })
})

describe('retrying', () => {
  const failing = (times: number, error: Error) => {
    let calls = 0
    return { attempt: async () => (++calls <= times ? Promise.reject(error) : calls), calls: () => calls }
  }

  test('tries again what may pass, and tells of it', async () => {
    const { attempt } = failing(2, new RegistryError('timeout', 'x'))
    const told: number[] = []
    expect(await retrying(quick, undefined, (_, tried) => told.push(tried), attempt)).toBe(3)
    expect(told).toEqual([1, 2])
  })

  test.each([
    ['what passes too late', new RegistryError('registry-error', 'x'), 4],
    ['what does not pass', new RegistryError('digest-mismatch', 'x'), 1],
    ['what wants more patience than there is', new RegistryError('rate-limited', 'x', { retryAfter: 5_001 }), 1],
    ['what is not of a registry', new TypeError('x'), 1],
  ])('gives up on %s', async (_, error, tries) => {
    const { attempt, calls } = failing(99, error)
    await expect(retrying(quick, undefined, () => undefined, attempt)).rejects.toBe(error)
    expect(calls()).toBe(tries)
  })

  test('a pause ends with the signal', async () => {
    const ending = new AbortController()
    const { attempt, calls } = failing(99, new RegistryError('rate-limited', 'x', { retryAfter: 1e6 }))
    const reason = new Error('enough')
    const hour = { ...policy, longestRetryAfter: 3_600_000 }
    await expect(retrying(hour, ending.signal, () => ending.abort(reason), attempt)).rejects.toBe(reason)
    expect(calls()).toBe(1)
  })
})

test.each([
  [401, 'unauthorized', false],
  [403, 'unauthorized', false],
  [429, 'rate-limited', true],
  [408, 'timeout', true],
  [500, 'registry-error', true],
  [503, 'registry-error', true],
  [400, 'bad-response', false],
] as const)('status %i is %s', (status, code, retryable) => {
  expect(codeOfStatus(status)).toBe(code)
  expect(new RegistryError(codeOfStatus(status), 'x').retryable).toBe(retryable)
})
