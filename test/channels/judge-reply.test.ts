import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { givenUpAfter, judgeReply } from '../../src/channels/judge-reply.ts'
import type { Reply } from '../../src/channels/post.ts'

const now = new Date('2026-11-21T03:00:00Z')
const answer = (status: number, retryAfter: string | null = null): Reply => ({ status, retryAfter, text: '' })
const silence: Reply = { status: null, because: 'ECONNREFUSED' }
const judge = (reply: Reply, attempts = 1, age = 0) =>
  judgeReply(reply, { attempts, since: new Date(now.getTime() - age), now })
const minutes = (judged: ReturnType<typeof judge>) =>
  judged.state === 'pending' ? (judged.nextTryAt.getTime() - now.getTime()) / 60_000 : judged.state

describe('an answer', () => {
  test.each([200, 201, 202, 204, 299])('%i is delivered, also after three days', (status) => {
    expect([judge(answer(status)), judge(answer(status), 80, givenUpAfter)]).toEqual([
      { state: 'delivered' },
      { state: 'delivered' },
    ])
  })
  test('410 is wanted no more', () => expect(judge(answer(410))).toEqual({ state: 'gone' }))
  test.each([301, 302, 307, 308, 304, 400, 401, 404, 429, 500, 502, 503, 504])('%i is tried again', (status) => {
    expect(minutes(judge(answer(status)))).toBe(1)
  })
})

test('tries are 1, 2, 4, 8, 16, 32 and then 60 minutes apart, until three days are over', () => {
  const waits = Array.from({ length: 9 }, (_, i) => minutes(judge(silence, i + 1)))
  expect(waits).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60])
  expect(minutes(judge(silence, 70, givenUpAfter - 1))).toBe(60)
  expect(minutes(judge(silence, 70, givenUpAfter))).toBe('failed')
})

describe('Retry-After', () => {
  test.each([
    [429, '600', 10],
    [503, '600', 10],
    [503, new Date(now.getTime() + 1_800_000).toUTCString(), 30],
    [503, '5', 1],
    [503, '99999999', 1440],
    [503, new Date(now.getTime() - 1000).toUTCString(), 1],
    [503, 'soon', 1],
    [503, '-1', 1],
    [500, '600', 1],
    [302, '600', 1],
  ])('of %i, "%s": after %i minutes', (status, text, wait) => {
    expect(minutes(judge(answer(status, text)))).toBe(wait)
  })
})

test('a receiver that is not there, or wants to be left alone, is left alone with all that waits for it', () => {
  const whole = (reply: Reply) => {
    const judged = judge(reply)
    return judged.state === 'pending' && judged.wholeChannel
  }
  expect([silence, answer(429), answer(503), answer(500), answer(404)].map(whole)).toEqual([
    true,
    true,
    true,
    false,
    false,
  ])
})

test('whatever is answered, it is over or comes later, within a day', () => {
  const replies = fc.record({
    status: fc.integer({ min: 100, max: 599 }),
    retryAfter: fc.option(fc.string()),
    text: fc.string(),
  })
  fc.assert(
    fc.property(replies, fc.integer({ min: 1, max: 100 }), fc.nat(2 * givenUpAfter), (reply, attempts, age) => {
      const wait = minutes(judge(reply, attempts, age))
      if (typeof wait === 'number') expect([wait >= 1, wait <= 1440, age < givenUpAfter]).toEqual([true, true, true])
    }),
  )
})
