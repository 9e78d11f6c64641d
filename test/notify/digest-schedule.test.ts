import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { dueAt, isTimeZone, slots, type Wish } from '../../src/notify/digest-schedule.ts'

const berlin = (every: Wish['every'], hour = 8): Wish => ({ every, timeZone: 'Europe/Berlin', hour })
const at = (text: string) => new Date(text)
const window = 300_000

describe('slots', () => {
  test.each<[string, Wish, string, string, string]>([
    ['a winter day', berlin('daily'), '2026-01-10T12:00:00Z', '2026-01-10T07:00:00Z', '2026-01-11T07:00:00Z'],
    ['a summer day', berlin('daily'), '2026-07-10T05:59:59Z', '2026-07-09T06:00:00Z', '2026-07-10T06:00:00Z'],
    ['the very moment', berlin('daily'), '2026-07-10T06:00:00Z', '2026-07-10T06:00:00Z', '2026-07-11T06:00:00Z'],
    [
      'over the change to summer',
      berlin('daily'),
      '2026-03-28T12:00:00Z',
      '2026-03-28T07:00:00Z',
      '2026-03-29T06:00:00Z',
    ],
    [
      'over the change to winter',
      berlin('daily'),
      '2026-10-24T12:00:00Z',
      '2026-10-24T06:00:00Z',
      '2026-10-25T07:00:00Z',
    ],
    [
      'an hour that is left out',
      berlin('daily', 2),
      '2026-03-29T00:30:00Z',
      '2026-03-28T01:00:00Z',
      '2026-03-29T01:00:00Z',
    ],
    [
      'an hour that comes twice',
      berlin('daily', 2),
      '2026-10-25T00:30:00Z',
      '2026-10-25T00:00:00Z',
      '2026-10-26T01:00:00Z',
    ],
    [
      'an hour at the end of a day that is left out',
      { every: 'daily', timeZone: 'America/Nuuk', hour: 23 },
      '2026-03-28T12:00:00Z',
      '2026-03-28T01:00:00Z',
      '2026-03-29T01:00:00Z',
    ],
    [
      'the day after it',
      { every: 'daily', timeZone: 'America/Nuuk', hour: 23 },
      '2026-03-29T01:00:00Z',
      '2026-03-29T01:00:00Z',
      '2026-03-30T00:00:00Z',
    ],
    ['a week, on Monday', berlin('weekly'), '2026-11-21T12:00:00Z', '2026-11-16T07:00:00Z', '2026-11-23T07:00:00Z'],
    [
      'where it is Monday',
      { every: 'weekly', timeZone: 'Pacific/Auckland', hour: 0 },
      '2026-11-22T11:30:00Z',
      '2026-11-22T11:00:00Z',
      '2026-11-29T11:00:00Z',
    ],
    [
      'half an hour off',
      { every: 'daily', timeZone: 'Asia/Kolkata', hour: 9 },
      '2026-11-21T03:00:00Z',
      '2026-11-20T03:30:00Z',
      '2026-11-21T03:30:00Z',
    ],
    [
      'a zone nobody knows',
      { every: 'daily', timeZone: 'Mars/Olympus', hour: 8 },
      '2026-11-21T09:00:00Z',
      '2026-11-21T08:00:00Z',
      '2026-11-22T08:00:00Z',
    ],
  ])('%s', (_what, wish, now, last, next) => {
    expect(slots(wish, at(now))).toEqual({ last: at(last), next: at(next) })
  })

  test('every day has one, at that hour of that zone unless a clock change left it out', () => {
    const zones = ['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kathmandu', 'Africa/Cairo', 'UTC']
    fc.assert(
      fc.property(
        fc.constantFrom(...zones),
        fc.integer({ min: 0, max: 23 }),
        fc.integer({ min: Date.UTC(2020, 0, 1), max: Date.UTC(2030, 0, 1) }),
        (timeZone, hour, ms) => {
          const { last, next } = slots({ every: 'daily', timeZone, hour }, new Date(ms))
          expect(last.getTime()).toBeLessThanOrEqual(ms)
          expect(next.getTime()).toBeGreaterThan(ms)
          const hours = (next.getTime() - last.getTime()) / 3_600_000
          expect(hours).toBeGreaterThanOrEqual(22)
          expect(hours).toBeLessThanOrEqual(26)
          const shown = Number(
            new Intl.DateTimeFormat('en', { timeZone, hour: 'numeric', hourCycle: 'h23' }).format(next),
          )
          expect([hour, (hour + 1) % 24]).toContain(shown)
        },
      ),
    )
  })
})

describe('due', () => {
  const now = at('2026-11-21T12:00:00Z')
  const ago = (seconds: number) => new Date(now.getTime() - seconds * 1000)

  test.each<[string, Wish, Date, Date | null]>([
    ['at once: not before the window is over', berlin('immediately'), ago(299), ago(-1)],
    ['at once: at its end', berlin('immediately'), ago(300), now],
    ['at once: a clock that was set back a little', berlin('immediately'), ago(-100), ago(-300)],
    ['at once: a clock that was set back by far', berlin('immediately'), ago(-1e6), now],
    ['daily: before the hour', berlin('daily', 14), ago(3600), at('2026-11-21T13:00:00Z')],
    ['daily: the hour has come since', berlin('daily'), ago(6 * 3600), now],
    ['daily: not before it comes', berlin('daily'), ago(3600), at('2026-11-22T07:00:00Z')],
    ['daily: a clock that was set back', berlin('daily'), ago(-30 * 3600), now],
    ['daily: a clock that was ahead by years', berlin('daily'), ago(1e9), now],
    ['weekly', berlin('weekly'), ago(3600), at('2026-11-23T07:00:00Z')],
    ['off', berlin('off'), ago(1e9), null],
  ])('%s', (_what, wish, oldest, due) => {
    expect(dueAt(wish, oldest, now, window)).toEqual(due)
  })

  test('whatever the clocks: nothing waits for longer than its wish says', () => {
    const wish = fc.record({
      every: fc.constantFrom('immediately' as const, 'daily' as const, 'weekly' as const),
      timeZone: fc.constantFrom('Europe/Berlin', 'America/St_Johns', 'UTC'),
      hour: fc.integer({ min: 0, max: 23 }),
    })
    const time = fc.date({ min: at('2020-01-01'), max: at('2030-01-01'), noInvalidDate: true })
    const longest = { immediately: window, daily: 26 * 3_600_000, weekly: 7 * 86_400_000 + 2 * 3_600_000 }
    fc.assert(
      fc.property(wish, time, time, (wished, oldest, clock) => {
        const due = dueAt(wished, oldest, clock, window)!
        expect(due.getTime() - clock.getTime()).toBeLessThanOrEqual(longest[wished.every])
        expect(due.getTime()).toBeGreaterThanOrEqual(Math.min(clock.getTime(), oldest.getTime()))
      }),
    )
  })
})

test.each([
  ['Europe/Berlin', true],
  ['UTC', true],
  ['Mars/Olympus', false],
  ['', false],
  ["'; drop", false],
])('%j is a time zone: %j', (name, is) => expect(isTimeZone(name)).toBe(is))
