import { Cron } from 'croner'

/** Five fields, minute to day of week: https://pubs.opengroup.org/onlinepubs/9799919799/utilities/crontab.html */
export function isCron(text: string): boolean {
  // the library also takes nicknames (@daily)
  if (text.trim().split(/\s+/).length !== 5) return false
  try {
    return new Cron(text, { timezone: 'UTC', mode: '5-part', paused: true }).nextRun() !== null
  } catch {
    // the library says by throwing that the text is none
    return false
  }
}

/** The next time after `from` (UTC); null where there is none. `cron` has passed isCron. */
export const nextTime = (cron: string, from: Date): Date | null =>
  new Cron(cron, { timezone: 'UTC', mode: '5-part', paused: true }).nextRun(from)
