/**
 * How many requests a registry outside gets: never more than `perMinute` in any minute, in whichever process. What is spent is one
 * instant, which is all that has to be stored (GCRA; https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm).
 */
export type Budget = {
  /** Spends one request; answers the milliseconds to wait before it is made. */
  take: (now: Date) => number
  /** True where a request could be made at once. */
  ready: (now: Date) => boolean
  /** When it is whole again. */
  wholeAt: () => Date
}

/** `spentUntil`: wholeAt() of who had it last, null = whole. A quarter of a minute's requests may be made at once, the rest is spread. */
export function makeBudget(perMinute: number, spentUntil: Date | null): Budget {
  const burst = Math.max(1, Math.floor(perMinute / 4))
  const each = 60_000 / Math.max(1, perMinute - burst)
  let whole = spentUntil?.getTime() ?? 0
  const waitFor = (now: Date) => Math.max(0, Math.max(whole, now.getTime()) + each - now.getTime() - burst * each)
  return {
    take(now) {
      const wait = waitFor(now)
      whole = Math.max(whole, now.getTime()) + each
      return Math.ceil(wait)
    },
    ready: (now) => waitFor(now) === 0,
    wholeAt: () => new Date(Math.ceil(whole)),
  }
}
