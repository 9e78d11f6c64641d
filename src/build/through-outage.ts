import { setTimeout as delay } from 'node:timers/promises'
import { isLostDatabase } from '../db/is-lost-database.ts'

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
