import { parseRetryAfter } from './retry.ts'

type Told = { status: number; headers: Readonly<Record<string, string>> }

const second = 1000
/** Milliseconds: after a 429 that says nothing more, and at most whatever is said. */
const usual = 60 * second
const longest = 7 * 24 * 3600 * second

/**
 * Milliseconds for which a registry wants to be left alone, null where it says nothing of the kind: `Retry-After` of 429 and 503, and
 * on any answer a limit of which nothing remains, in the words of
 * Docker Hub (`ratelimit-remaining: 0;w=21600`, the window in seconds; https://docs.docker.com/docker-hub/usage/pulls/),
 * the IETF's drafts (`RateLimit-Remaining: 0` with `RateLimit-Reset`; `RateLimit: limit=9, remaining=0, reset=5`; `RateLimit: "default";r=0;t=5`;
 * https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/) and GitHub (`x-ratelimit-…`, the reset as a Unix time).
 */
export function pauseTold({ status, headers }: Told, now: Date): number | null {
  const refused = status === 429 || status === 503
  const asked = refused ? parseRetryAfter(headers['retry-after'], now) : null
  const spent = spentUntil(headers, now)
  const pauses = [asked, spent].filter((pause) => pause !== null)
  if (pauses.length === 0) return status === 429 ? usual : null
  return Math.min(Math.max(...pauses), longest)
}

/** Milliseconds until a limit that is used up is renewed; the longest of several. */
function spentUntil(headers: Told['headers'], now: Date): number | null {
  const pauses = [headers, ...Object.values(combined(headers.ratelimit ?? ''))].flatMap((fields) => {
    const remaining = /^\s*(\d+)\s*(?:;\s*w=(\d+))?/.exec(
      fields['ratelimit-remaining'] ?? fields['x-ratelimit-remaining'] ?? '',
    )
    if (!remaining || Number(remaining[1]) > 0) return []
    const reset = /^\s*(\d+)/.exec(fields['ratelimit-reset'] ?? fields['x-ratelimit-reset'] ?? '')?.[1] ?? remaining[2]
    if (reset === undefined) return [usual]
    const seconds = Number(reset)
    return [seconds > 1e9 ? Math.max(0, seconds * second - now.getTime()) : seconds * second]
  })
  return pauses.length === 0 ? null : Math.max(...pauses)
}

/** The one-field forms of the drafts, each policy as the fields of the older form. */
function combined(header: string): Record<string, string>[] {
  const number = (text: string, name: string) => new RegExp(`(?:^|[;,\\s])${name}\\s*=\\s*(\\d+)`).exec(text)?.[1]
  const fields = (remaining: string | undefined, reset: string | undefined) =>
    remaining === undefined
      ? []
      : [{ 'ratelimit-remaining': remaining, ...(reset === undefined ? {} : { 'ratelimit-reset': reset }) }]
  const old = fields(number(header, 'remaining'), number(header, 'reset'))
  return [...old, ...header.split(',').flatMap((policy) => fields(number(policy, 'r'), number(policy, 't')))]
}
