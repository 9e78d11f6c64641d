import { setTimeout as delay } from 'node:timers/promises'

/** Errors of the connection, not of a statement: the database could not be asked, or could not answer. Theirs, Prisma's and PostgreSQL's codes. */
export function isLostDatabase(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return /^(CONNECTION_|CONNECT_TIMEOUT|ECONN|EPIPE|57P0|08|P1001|P1017)/.test(code)
}

const [firstMs, longestMs] = [100, 2000]

/**
 * Does `work`, which may be done twice, again and again while the database is away: for `forMs` milliseconds at most, and until `until`
 * is aborted. Rejects with the last error. `again`: an earlier try may have come through unheard.
 */
export async function throughOutage<T>(
  work: (again: boolean) => Promise<T>,
  { until, forMs = 600_000 }: { until?: AbortSignal; forMs?: number } = {},
): Promise<T> {
  const end = performance.now() + forMs
  for (let tries = 0; ; tries++) {
    try {
      return await work(tries > 0)
    } catch (error) {
      if (!isLostDatabase(error) || until?.aborted || performance.now() > end) throw error
      await delay(Math.min(firstMs * 2 ** tries, longestMs), undefined, until ? { signal: until } : {}).catch(() => {
        throw error
      })
    }
  }
}
