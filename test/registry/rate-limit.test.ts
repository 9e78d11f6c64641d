import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { pauseTold } from '../../src/registry/rate-limit.ts'

const now = new Date('2026-11-21T05:00:00Z')
const epoch = now.getTime() / 1000

describe('how long a registry wants to be left alone', () => {
  test.each<[string, number, Record<string, string>, number | null]>([
    ['nothing said', 200, {}, null],
    ['429 without a word', 429, {}, 60],
    ['429 with seconds', 429, { 'retry-after': '120' }, 120],
    ['429 with a date', 429, { 'retry-after': 'Sat, 21 Nov 2026 05:10:00 GMT' }, 600],
    ['503 with seconds', 503, { 'retry-after': '7' }, 7],
    ['503 without', 503, {}, null],
    ['Retry-After of an answer that is none of these', 200, { 'retry-after': '7' }, null],
    ['a limit for ever is a week', 429, { 'retry-after': '999999999' }, 7 * 86_400],
    ['Docker Hub: some left', 200, { 'ratelimit-limit': '100;w=21600', 'ratelimit-remaining': '76;w=21600' }, null],
    ['Docker Hub: none left', 200, { 'ratelimit-limit': '100;w=21600', 'ratelimit-remaining': '0;w=21600' }, 21_600],
    ['Docker Hub: refused', 429, { 'ratelimit-remaining': '0;w=21600', 'retry-after': '300' }, 21_600],
    ['draft, three fields', 200, { 'ratelimit-limit': '10', 'ratelimit-remaining': '0', 'ratelimit-reset': '50' }, 50],
    ['draft, three fields, some left', 200, { 'ratelimit-remaining': '1', 'ratelimit-reset': '50' }, null],
    ['draft, none left and no word until when', 200, { 'ratelimit-remaining': '0' }, 60],
    ['draft 7', 200, { ratelimit: 'limit=100, remaining=0, reset=30' }, 30],
    ['draft 7, some left', 200, { ratelimit: 'limit=100, remaining=50, reset=30' }, null],
    ['draft 9', 200, { ratelimit: '"default";r=0;t=40' }, 40],
    ['draft 9, several policies', 200, { ratelimit: '"minute";r=3;t=9, "day";r=0;t=4000' }, 4000],
    ['draft 9, some left', 200, { ratelimit: '"default";r=50;t=30' }, null],
    ['GitHub', 403, { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(epoch + 90) }, 90],
    ['a reset that is over', 200, { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(epoch - 90) }, 0],
    ['what cannot be read', 200, { 'ratelimit-remaining': 'none', ratelimit: 'r=x' }, null],
  ])('%s', (_, status, headers, seconds) => {
    expect(pauseTold({ status, headers }, now)).toBe(seconds === null ? null : seconds * 1000)
  })

  test('whatever stands in a header, it is no time or one within a week', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(200, 429, 503),
        fc.dictionary(
          fc.constantFrom('retry-after', 'ratelimit', 'ratelimit-remaining', 'ratelimit-reset'),
          fc.string(),
        ),
        (status, headers) => {
          const pause = pauseTold({ status, headers }, now)
          expect(pause === null || (pause >= 0 && pause <= 7 * 86_400_000)).toBe(true)
        },
      ),
    )
  })
})
