import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { isAhead, ordersByItself, seenAt } from '../../src/ingest/clock-skew.ts'
import { instantOf } from '../../src/oci/instant.ts'

const noon = Date.parse('2026-11-22T12:00:00Z')
/** Seconds after noon, as a Date and as a registry's time. */
const date = (seconds: number) => new Date(noon + seconds * 1000)
const at = (seconds: number) => instantOf(date(seconds))
const year = 365 * 86_400
const millisecond = 0.001

describe('the time of an event', () => {
  test.each([
    [-year, 0, 0, true, 'late'],
    [0, 0, 0, true, 'in time'],
    [60, 0, 0, true, 'of a clock that is ahead by a minute'],
    [61, 0, 0, false, 'of one that is ahead by more'],
    [5 * year, 0, 0, false, 'of one that is ahead by years'],
    [61, 0, 3600, false, 'it stays so when the time has come: replayed, it is no fact either'],
    [year, year, 0, false, 'it came while our clock was ahead as well, which was set back since'],
    [0, -3600, 0, false, 'it came while our clock was behind'],
  ])('%d s, come at %d s, handled at %d s: orders by itself: %s (%s)', (event, came, now, orders) => {
    expect(ordersByItself(at(event), date(came), date(now))).toBe(orders)
  })
})

describe('the time of an answer', () => {
  test.each<[number | null, number | null, number, number | null, string]>([
    [0, null, 0, null, 'of a tag that was not known'],
    [null, null, 0, null, 'of a registry that tells no time: ours'],
    [-3600, null, -3600, null, 'of a registry that is behind, or of ours that is ahead: the registry orders'],
    [30, null, 30, null, 'of a registry that is ahead by seconds: as its events'],
    [3600, null, 0, null, 'of a registry that is ahead by more: ours'],
    [0, -9, 0, null, 'after the change that was known'],
    [0, 0, millisecond, null, 'at the change that was known: Date is cut to the second'],
    [0, 50, 50 + millisecond, null, 'a change that is ahead by seconds stays'],
    [0, year, 0, -millisecond, 'a change that both clocks say is yet to come is brought back'],
    [
      year,
      year,
      year + millisecond,
      null,
      'a change that our clock alone says is yet to come stays: ours may be behind',
    ],
    [null, year, year + millisecond, null, 'so where the registry tells no time'],
  ])('told at %d s, change known at %d s: seen at %d s, brought back to %d s (%s)', (told, known, seen, back) => {
    const answer = seenAt({
      date: told === null ? null : date(told),
      now: date(0),
      since: known === null ? null : at(known),
    })
    expect(answer).toEqual({ at: at(seen), backTo: back === null ? null : at(back) })
  })

  test('is after what was known or brought back, and brings nothing new that is yet to come', () => {
    const seconds = fc.integer({ min: -10 * year, max: 10 * year })
    fc.assert(
      fc.property(fc.option(seconds), fc.option(seconds), (told, known) => {
        const since = known === null ? null : at(known)
        const { at: seen, backTo } = seenAt({ date: told === null ? null : date(told), now: date(0), since })
        if (backTo !== null) expect(seen > backTo && since !== null && backTo < since).toBe(true)
        else if (since !== null) expect(seen > since).toBe(true)
        const later = told !== null && told > 0 ? told : 0
        if (since === null) expect(isAhead(seen, at(0))).toBe(false)
        else if (told !== null) expect(isAhead(seen, at(later) + at(millisecond) - at(0))).toBe(false)
      }),
    )
  })
})
