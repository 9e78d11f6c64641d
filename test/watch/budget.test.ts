import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { makeBudget } from '../../src/watch/budget.ts'
import { afterAnswer, afterFailure } from '../../src/watch/next-asking.ts'

const at = (milliseconds: number) => new Date(1_700_000_000_000 + milliseconds)

describe('the budget', () => {
  test('gives a quarter at once, and the rest over the minute', () => {
    const budget = makeBudget(60, null)
    const waits = Array.from({ length: 17 }, () => budget.take(at(0)))
    expect(waits.slice(0, 15)).toEqual(Array(15).fill(0))
    expect(waits[15]).toBeGreaterThan(1000)
    expect(waits[16]).toBeGreaterThan(waits[15]!)
  })

  test('is ready exactly where nothing has to be waited for', () => {
    const budget = makeBudget(4, null)
    expect(budget.ready(at(0))).toBe(true)
    expect(budget.take(at(0))).toBe(0)
    expect(budget.ready(at(0))).toBe(false)
    expect(budget.ready(budget.wholeAt())).toBe(true)
  })

  test('never allows more than it says in any minute, however it is used and handed on', () => {
    const step = fc.record({ pause: fc.nat(30_000), handOn: fc.boolean() })
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 200 }),
        fc.array(step, { minLength: 1, maxLength: 300 }),
        (perMinute, steps) => {
          let now = 0
          let budget = makeBudget(perMinute, null)
          const made: number[] = []
          for (const { pause, handOn } of steps) {
            now += pause % 3 === 0 ? pause : 0
            if (handOn) budget = makeBudget(perMinute, budget.wholeAt())
            now += budget.take(at(now))
            made.push(now)
          }
          const within = made.map((from) => made.filter((t) => t >= from && t < from + 60_000).length)
          expect(Math.max(...within)).toBeLessThanOrEqual(perMinute)
        },
      ),
    )
  })
})

describe('when a tag is asked again', () => {
  const hour = 3_600_000

  test('an interval after an answer, a tenth more or less', () => {
    expect(afterAnswer(at(0), hour, 0)).toEqual(at(0.9 * hour))
    expect(afterAnswer(at(0), hour, 0.5)).toEqual(at(hour))
    expect(afterAnswer(at(0), hour, 0.9999)).toEqual(at(Math.round(1.09998 * hour)))
  })

  test('after failures ever later, never later than after an answer', () => {
    let last = { askedAt: null as Date | null, nextAt: at(0), error: null as string | null }
    const waits: number[] = []
    for (let i = 0; i < 9; i++) {
      const now = last.nextAt
      const nextAt = afterFailure(now, hour, last, 0.5)
      waits.push((nextAt.getTime() - now.getTime()) / 60_000)
      last = { askedAt: now, nextAt, error: 'timeout: x' }
    }
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60])
  })

  test('with a short interval, failures wait no longer than it', () => {
    expect(afterFailure(at(0), 5_000, { askedAt: null, nextAt: at(0), error: null }, 0.5)).toEqual(at(5_000))
  })
})
