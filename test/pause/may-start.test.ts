import { describe, expect, it, test } from '@jest/globals'
import fc from 'fast-check'
import { Builds, type Window } from '../../src/build-settings.ts'
import { type MayStart, mayStart } from '../../src/pause/may-start.ts'

const open: MayStart = { start: true }
const shut = (again: string | null): MayStart => ({
  start: false,
  because: 'window',
  again: again === null ? null : new Date(again),
})
const paused: MayStart = { start: false, because: 'paused', again: null }

const builds = (windows: object[], namespaces: object = {}) => Builds.parse({ windows, namespaces })
const at = (now: string, windows: object[]) => mayStart('lib', new Date(now), { pauses: [], builds: builds(windows) })

describe('windows', () => {
  // 2026-11-21 is a Saturday
  const night = { from: '22:00', to: '06:00' }
  const office = { days: ['mon', 'tue', 'wed', 'thu', 'fri'], from: '09:00', to: '17:00' }
  const berlin = { from: '02:15', to: '02:45', zone: 'Europe/Berlin' }
  test.each<[string, string, object[], MayStart]>([
    ['none: always', '2026-11-21T12:00:00Z', [], open],
    ['within', '2026-11-20T09:00:00Z', [office], open],
    ['its last second', '2026-11-20T16:59:59.999Z', [office], open],
    ['its end is outside, and the weekend', '2026-11-20T17:00:00Z', [office], shut('2026-11-23T09:00:00Z')],
    ['a moment before it begins', '2026-11-20T08:59:59.999Z', [office], shut('2026-11-20T09:00:00Z')],
    ['over midnight: before it', '2026-11-21T23:00:00Z', [night], open],
    ['over midnight: after it', '2026-11-21T05:59:00Z', [night], open],
    ['over midnight: by day', '2026-11-21T06:00:00Z', [night], shut('2026-11-21T22:00:00Z')],
    ['the day is that of its beginning', '2026-11-22T05:00:00Z', [{ ...night, days: ['sat'] }], open],
    ['not that of its end', '2026-11-21T05:00:00Z', [{ ...night, days: ['sat'] }], shut('2026-11-21T22:00:00Z')],
    ['once a week, just over', '2026-11-22T06:00:00Z', [{ ...night, days: ['sat'] }], shut('2026-11-28T22:00:00Z')],
    ['from = to: a whole day', '2026-11-22T05:00:00Z', [{ days: ['sat'], from: '06:00', to: '06:00' }], open],
    ['several: one is enough', '2026-11-21T23:00:00Z', [office, night], open],
    ['several: the first to open', '2026-11-21T07:30:00Z', [office, night], shut('2026-11-21T22:00:00Z')],
    ['a zone ahead', '2026-11-20T23:30:00Z', [{ days: ['sat'], from: '08:00', to: '09:00', zone: 'Asia/Tokyo' }], open],
    [
      'a zone behind, with half an hour',
      '2026-11-21T03:00:00Z',
      [{ days: ['fri'], from: '23:30', to: '23:59', zone: 'America/St_Johns' }],
      open,
    ],
    // Europe/Berlin: 02:00 → 03:00 on 2026-03-29 01:00Z; 03:00 → 02:00 on 2026-10-25 01:00Z
    [
      'summer time',
      '2026-03-29T06:59:00Z',
      [{ ...office, days: ['sun'], zone: 'Europe/Berlin' }],
      shut('2026-03-29T07:00:00Z'),
    ],
    [
      'across the change',
      '2026-03-28T20:00:00Z',
      [{ days: ['sun'], from: '09:00', to: '10:00', zone: 'Europe/Berlin' }],
      shut('2026-03-29T07:00:00Z'),
    ],
    ['what the change leaps over does not come', '2026-03-29T00:30:00Z', [berlin], shut('2026-03-30T00:15:00Z')],
    [
      'what it leaps into begins at the leap',
      '2026-03-29T00:30:00Z',
      [{ ...berlin, to: '04:00' }],
      shut('2026-03-29T01:00:00Z'),
    ],
    ['the hour that comes twice: first', '2026-10-25T00:20:00Z', [berlin], open],
    ['between', '2026-10-25T00:45:00Z', [berlin], shut('2026-10-25T01:15:00Z')],
    ['the hour that comes twice: again', '2026-10-25T01:20:00Z', [berlin], open],
    ['then the next day', '2026-10-25T01:45:00Z', [berlin], shut('2026-10-26T01:15:00Z')],
  ])('%s', (_, now, windows, expected) => expect(at(now, windows)).toEqual(expected))

  it('names a next opening that is open, with nothing open before it', () => {
    const zone = fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Africa/Casablanca')
    const time = fc
      .tuple(fc.nat(23), fc.nat(59))
      .map(([hours, minutes]) => [hours, minutes].map((n) => String(n).padStart(2, '0')).join(':'))
    const days = fc.subarray(['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as Window['days'], { minLength: 1 })
    const window = fc.record({ days, from: time, to: time, zone })
    const year = fc.date({ min: new Date('2026-01-01'), max: new Date('2027-01-01'), noInvalidDate: true })
    fc.assert(
      fc.property(
        year,
        fc.array(window, { minLength: 1, maxLength: 3 }),
        fc.array(fc.nat(9999), { maxLength: 20 }),
        (now, windows, spots) => {
          const found = mayStart('lib', now, { pauses: [], builds: builds(windows) })
          if (found.start) return
          const again = found.again!.getTime()
          const starts = (ms: number) => mayStart('lib', new Date(ms), { pauses: [], builds: builds(windows) }).start
          expect([again > now.getTime(), again - now.getTime() < 15 * 86_400_000]).toEqual([true, true])
          expect([starts(again), starts(again - 1)]).toEqual([true, false])
          for (const spot of spots)
            expect(starts(now.getTime() + ((again - now.getTime() - 1) * spot) / 10_000)).toBe(false)
        },
      ),
      { numRuns: 300 },
    )
  })
})

describe('namespaces and pauses', () => {
  const now = new Date('2026-11-21T12:00:00Z')
  const general = [{ from: '22:00', to: '23:00' }]
  const own = { lib: { windows: [{ from: '11:00', to: '13:00' }] }, free: { windows: [] }, limited: { atOnce: 2 } }
  const settings = builds(general, own)
  const may = (key: string, ...scopes: string[]) =>
    mayStart(key, now, { pauses: scopes.map((scope) => ({ scope })), builds: settings })
  test.each<[string, string, string[], MayStart]>([
    ['its own windows take the place of the general ones', 'lib', [], open],
    ['an empty list of its own: always', 'free', [], open],
    ['a limit alone takes no place', 'limited', [], shut('2026-11-21T22:00:00Z')],
    ['the general ones for others', 'app', [], shut('2026-11-21T22:00:00Z')],
    ['a name of every object is no namespace with windows', 'constructor', [], shut('2026-11-21T22:00:00Z')],
    ['paused', 'lib', ['lib'], paused],
    ['another is paused', 'lib', ['app', 'li', 'lib2'], open],
    ['everything is paused', 'lib', ['*'], paused],
    ['paused goes before a window', 'app', ['app'], paused],
  ])('%s', (_, key, scopes, expected) => expect(may(key, ...scopes)).toEqual(expected))
})
