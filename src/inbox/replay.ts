import type { Deps } from '../deps.ts'

/** not-replayable: an ignored body or event that names nothing which could be handled. */
export type Replayed = 'replayed' | 'not-found' | 'not-replayable'

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/**
 * Handles an event again, whatever became of it; handling twice changes nothing. `eventId` is our id of the row (uuid).
 */
export async function replay(d: Pick<Deps, 'sql' | 'jobs'>, eventId: string): Promise<Replayed> {
  if (!uuid.test(eventId)) return 'not-found'
  return d.sql.begin(async (tx) => {
    const [event] = await tx<{ id: string; usable: boolean }[]>`
      select id, outcome <> 'ignored' as usable from event where id = ${eventId} for update`
    if (!event) return 'not-found'
    if (!event.usable) return 'not-replayable'
    await tx`
      update event set outcome = 'pending', reason = null, error = null, attempts = 0, next_try_at = null, handled_at = null
      where id = ${eventId}`
    await d.jobs.enqueue(tx, 'ingest', { eventId }, { key: `ingest:${eventId}` })
    return 'replayed' as const
  })
}
