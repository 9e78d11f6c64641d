import { Cron } from 'croner'

/** How a person wants to hear. `hour`: of their time zone (an IANA name), at which daily mails are made, and on Monday weekly ones. */
export type Wish = { every: 'immediately' | 'daily' | 'weekly' | 'off'; timeZone: string; hour: number }

export function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone.length > 0
  } catch {
    // Intl says by throwing that it knows no such zone
    return false
  }
}

const day = 86_400_000
/** From which on a clock change may leave out the rest of a day: none is longer than two hours. */
const lateHour = 22

/**
 * The last time up to `now` and the first after it at which a daily or weekly mail is made. An hour that a clock change leaves out is the
 * first moment after it; one that comes twice counts once.
 */
export function slots({ every, timeZone, hour }: Wish, now: Date): { last: Date; next: Date } {
  // a zone that this version of the time zone data does not know any more
  const timezone = isTimeZone(timeZone) ? timeZone : 'UTC'
  const nextAt = (hourOf: number, days: string) => {
    const cron = new Cron(`0 ${hourOf} * * ${days}`, { timezone, mode: '5-part', paused: true })
    return (time: Date): Date => {
      const found = cron.nextRun(time)
      if (!found) throw new Error(`no ${hourOf} o'clock after ${time.toISOString()} in ${timezone}`)
      return found
    }
  }
  const usual = nextAt(hour, every === 'weekly' ? '1' : '*')
  // croner passes over an hour that is left out at a day's end, since the moment after it is of the next day: there that day has none
  const ofLateHour = () => {
    const [midnight, dayAfter] = [nextAt(0, '*'), nextAt(0, every === 'weekly' ? '2' : '*')]
    return (time: Date): Date => {
      const found = usual(time)
      for (let end = dayAfter(time); end < found; end = dayAfter(end)) {
        const begin = midnight(new Date(end.getTime() - 1.1 * day))
        if (usual(new Date(begin.getTime() - 1)) >= end) return end
      }
      return found
    }
  }
  const after = hour < lateHour ? usual : ofLateHour()
  let last = after(new Date(now.getTime() - (every === 'weekly' ? 9 : 3) * day))
  let next = after(last)
  while (next <= now) [last, next] = [next, after(next)]
  return { last, next }
}

/**
 * When what has waited since `oldest` is to be mailed: `now` or before, where it is due; null: never. `window`: ms that a notice waits for
 * others. A clock that is set back holds up nothing for longer than a window or a day or a week, and one that is ahead not at all.
 */
export function dueAt(wish: Wish, oldest: Date, now: Date, window: number): Date | null {
  if (wish.every === 'off') return null
  if (wish.every === 'immediately') {
    if (Math.abs(now.getTime() - oldest.getTime()) >= window) return now
    return new Date(Math.min(oldest.getTime(), now.getTime()) + window)
  }
  const { last, next } = slots(wish, now)
  return oldest < last || oldest >= next ? now : next
}
