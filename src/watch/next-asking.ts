/** When a watched tag was asked for last, when the next time was to be, and what went wrong. */
export type Asked = { askedAt: Date | null; nextAt: Date; error: string | null }

/** Milliseconds until the first try after a failure. */
const firstPause = 60_000

/** Ten percent more or less, so that what began together does not stay together. `random` in [0, 1). */
const jittered = (milliseconds: number, random: number): number => Math.round(milliseconds * (0.9 + random * 0.2))

/** After an answer. `interval`: milliseconds. */
export const afterAnswer = (now: Date, interval: number, random: number): Date =>
  new Date(now.getTime() + jittered(interval, random))

/** After a failure that may pass: soon, then each time twice as late as before, never later than an answer's next time. */
export function afterFailure(now: Date, interval: number, last: Asked, random: number): Date {
  const before = last.error === null || last.askedAt === null ? 0 : last.nextAt.getTime() - last.askedAt.getTime()
  const pause = Math.min(interval, Math.max(firstPause, 2 * before))
  return new Date(now.getTime() + jittered(pause, random))
}
