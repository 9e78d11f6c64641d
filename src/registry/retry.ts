import { pause } from './abortable.ts'
import { RegistryError } from './registry-error.ts'

/** Times in milliseconds. `attempts` counts the first one too. */
export type RetryPolicy = { attempts: number; firstPause: number; longestPause: number; longestRetryAfter: number }

/** What a retry is told about: the failed attempt (1 is the first) and the milliseconds until the next. */
export type OnRetry = (error: RegistryError, attempt: number, wait: number) => void

/**
 * Calls `attempt` until it succeeds, fails for good, or was tried often enough; the last error is thrown. Only for what may be
 * done twice. The pause doubles and is random between half and whole, so that many callers do not come back together; what the
 * registry asks for with `Retry-After` is waited for; where that is longer than `longestRetryAfter`, it is not asked again here.
 */
export async function retrying<T>(
  policy: RetryPolicy,
  signal: AbortSignal | undefined,
  onRetry: OnRetry,
  attempt: () => Promise<T>,
): Promise<T> {
  for (let tried = 1; ; tried++) {
    try {
      return await attempt()
    } catch (error) {
      if (!(error instanceof RegistryError) || !error.retryable || tried >= policy.attempts) throw error
      if ((error.retryAfter ?? 0) > policy.longestRetryAfter) throw error
      const wait = pauseBefore(policy, tried, error.retryAfter, Math.random())
      onRetry(error, tried, wait)
      await pause(wait, signal)
    }
  }
}

/** Milliseconds to wait after the `tried`th attempt. `random` in [0, 1). */
export function pauseBefore(policy: RetryPolicy, tried: number, retryAfter: number | null, random: number): number {
  const backOff = Math.min(policy.longestPause, policy.firstPause * 2 ** (tried - 1)) * (0.5 + random / 2)
  return Math.round(Math.max(backOff, retryAfter ?? 0))
}

/** Milliseconds that a `Retry-After` header asks for: seconds, or a date (RFC 9110 10.2.3). Null where it says nothing readable. */
export function parseRetryAfter(header: string | undefined, now: Date): number | null {
  if (header === undefined) return null
  if (/^\s*\d+\s*$/.test(header)) return Number(header) * 1000
  const at = Date.parse(header)
  return Number.isNaN(at) ? null : Math.max(0, at - now.getTime())
}
