/**
 * A registry's time: nanoseconds since the Unix epoch. Registries stamp events in nanoseconds and the newest push wins,
 * so that rounding to milliseconds would reorder pushes.
 */
export type Instant = bigint

const rfc3339 = /^(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:\d\d)$/

/** What 64 bits hold, 1677 to 2262: Go's zero time (year 1), which builders write into configs, is no time. */
const limit = 2n ** 63n

/** Nanoseconds of an RFC 3339 text, or null where it is none or beyond 64 bits. */
export function parseInstant(text: unknown): Instant | null {
  const found = typeof text === 'string' ? rfc3339.exec(text) : null
  if (!found) return null
  const millis = Date.parse(`${found[1]!.replace(' ', 'T')}${found[3]!.toUpperCase()}`)
  if (Number.isNaN(millis)) return null
  const at = BigInt(millis) * 1_000_000n + BigInt((found[2] ?? '').padEnd(9, '0').slice(0, 9))
  return at >= -limit && at < limit ? at : null
}

/** Nanoseconds of a Date (millisecond precision). */
export const instantOf = (date: Date): Instant => BigInt(date.getTime()) * 1_000_000n

/** ISO 8601 UTC with milliseconds, as the API writes times. */
export const formatInstant = (at: Instant): string => new Date(Number(at / 1_000_000n)).toISOString()
