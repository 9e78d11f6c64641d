/**
 * in: a namespace, the time, who paused what, and the windows of DRYDOCK_CONFIG. out: whether a build that nobody asked for may start.
 * guarantees: pure; a pause goes before a window; a namespace's own windows take the place of the general ones.
 */
import type { Builds, Window } from '../build-settings.ts'

/** `again`: when it next may; null where only a person ends it (a pause). */
export type MayStart = { start: true } | { start: false; because: 'paused' | 'window'; again: Date | null }

export type Hindrances = { pauses: readonly { scope: string }[]; builds: Pick<Builds, 'windows' | 'namespaces'> }

export function mayStart(namespaceKey: string, now: Date, { pauses, builds }: Hindrances): MayStart {
  if (pauses.some(({ scope }) => scope === '*' || scope === namespaceKey))
    return { start: false, because: 'paused', again: null }
  const own = Object.hasOwn(builds.namespaces, namespaceKey) ? builds.namespaces[namespaceKey]?.windows : undefined
  const windows = own ?? builds.windows
  if (windows.length === 0) return { start: true }
  const openings = windows.map((window) => opening(window, now.getTime()))
  if (openings.includes('open')) return { start: true }
  const known = openings.filter((at) => typeof at === 'number')
  return { start: false, because: 'window', again: known.length === 0 ? null : new Date(Math.min(...known)) }
}

const minute = 60_000
const day = 1440
const weekdays = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const

/**
 * A window is open by its zone's wall clock: where clocks go forward over it, it is shorter or does not come; where they go back, what
 * is there twice is open twice. Milliseconds of the next opening; null where none can be found (a clock that changes all the time).
 */
function opening(window: Window, now: number): 'open' | number | null {
  let at = now
  for (let steps = 0; steps < 20; steps++) {
    const wall = wallMinutes(at, window.zone)
    if (isOpen(window, wall)) return at === now ? 'open' : at
    const offset = wall - Math.floor(at / minute)
    const ahead = (nextFrom(window, wall) - offset) * minute
    if (offsetAt(ahead, window.zone) === offset) return ahead
    at = firstChange(at, ahead, offset, window.zone)
  }
  return null
}

/** By minutes of a wall clock since its 1970. `to` at or before `from`: until that time of the next day. */
function isOpen(window: Window, wall: number): boolean {
  const [from, to] = [minutesOf(window.from), minutesOf(window.to)]
  const time = wall % day
  if (from < to) return isDay(window, wall) && from <= time && time < to
  return time >= from ? isDay(window, wall) : time < to && isDay(window, wall - day)
}

/** The next wall-clock minute after `wall` at which it begins, were no clock ever changed. */
function nextFrom(window: Window, wall: number): number {
  const midnight = wall - (wall % day)
  const starts = Array.from({ length: 9 }, (_, days) => midnight + days * day + minutesOf(window.from))
  return starts.find((start) => start > wall && isDay(window, start)) ?? wall + 8 * day
}

const isDay = (window: Window, wall: number): boolean =>
  window.days.includes(weekdays[(Math.floor(wall / day) + 4) % 7]!)

const minutesOf = (time: string): number => Number(time.slice(0, 2)) * 60 + Number(time.slice(3))

/** The first minute in (`from`, `to`] at which the zone's clock stands otherwise than by `offset`. */
function firstChange(from: number, to: number, offset: number, zone: string): number {
  let [before, after] = [Math.floor(from / minute), Math.floor(to / minute)]
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2)
    if (offsetAt(middle * minute, zone) === offset) before = middle
    else after = middle
  }
  return after * minute
}

const offsetAt = (at: number, zone: string): number => wallMinutes(at, zone) - Math.floor(at / minute)

const formats = new Map<string, Intl.DateTimeFormat>()

/** What the zone's clock shows, in minutes since its 1970. */
function wallMinutes(at: number, zone: string): number {
  let format = formats.get(zone)
  if (!format) {
    const parts = { year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric' } as const
    format = new Intl.DateTimeFormat('en-US', { ...parts, hourCycle: 'h23', calendar: 'gregory', timeZone: zone })
    formats.set(zone, format)
  }
  const shown = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, Number(value)]))
  return Date.UTC(shown.year!, shown.month! - 1, shown.day, shown.hour, shown.minute) / minute
}
