import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { lanes } from './mailer.ts'

/** The lane of a mail: a silent mail server holds up one of them for each mail it is silent to. */
export const laneOf = (mailId: string): number => Number.parseInt(mailId.slice(0, 8), 16) % lanes

/** The same in SQL. */
export const laneOfRow = (sql: Tx) => sql`(('x' || left(id::text, 8))::bit(32)::bigint % ${lanes})`

/**
 * Jobs that send what is due in these lanes. Key: the lane; one that is to run at once waits at most, and one that is to run later beside it,
 * since that would put off the other.
 */
export async function enqueueMail(
  d: Pick<Deps, 'jobs'>,
  tx: Tx,
  inLanes: Iterable<number>,
  runAt?: Date,
): Promise<void> {
  for (const lane of new Set(inLanes)) {
    const key = runAt ? `mail:later:${lane}` : `mail:${lane}`
    await d.jobs.enqueue(tx, 'mail', { lane }, { key, queue: `mail:${lane}`, ...(runAt ? { runAt } : {}) })
  }
}

export const allLanes = (): number[] => Array.from({ length: lanes }, (_, lane) => lane)

/** Has everything looked at that may wait, whatever became of the job that was to do so. */
export async function enqueueOutbox(d: Pick<Deps, 'sql' | 'jobs'>): Promise<void> {
  await d.jobs.enqueue(d.sql, 'notify', {}, { key: 'notify', queue: 'notify' })
  await enqueueMail(d, d.sql, allLanes())
}
