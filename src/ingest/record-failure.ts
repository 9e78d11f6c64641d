import type { Deps } from '../deps.ts'
import { priorityOf } from '../inbox/priority.ts'
import { RegistryError } from '../registry/registry-error.ts'
import type { PendingEvent } from './ingest.ts'

/** Seconds between tries at most: soon again after an outage of the registry, slower where the fault may be ours. */
const longestWait = { registry: 60, other: 600 }

/** Keeps the error with the event, and queues the next try. There is no last try: an event is never lost. */
export async function recordFailure(
  d: Pick<Deps, 'sql' | 'jobs' | 'log' | 'clock'>,
  event: PendingEvent,
  error: unknown,
): Promise<void> {
  const { code, message } = described(error)
  const longest = error instanceof RegistryError ? longestWait.registry : longestWait.other
  const next = new Date(d.clock().getTime() + 1000 * Math.min(2 ** Math.min(event.attempts, 20), longest))
  d.log.warn({ err: error, event: event.id, code, next }, 'ingest: the event could not be handled yet')
  await d.sql.begin(async (tx) => {
    const updated = await tx`
      update event set outcome = 'failed', error = ${JSON.stringify({ code, message })}::text::jsonb,
        attempts = attempts + 1, next_try_at = ${next}::timestamptz, handled_at = null
      where id = ${event.id} and outcome in ('pending', 'failed') returning id`
    if (updated.length > 0)
      await d.jobs.enqueue(
        tx,
        'ingest',
        { eventId: event.id },
        { key: `ingest:${event.id}`, runAt: next, priority: priorityOf(event.eventId) },
      )
  })
}

function described(error: unknown): { code: string; message: string } {
  if (!(error instanceof Error)) return { code: 'internal', message: String(error) }
  return { code: 'code' in error ? String(error.code) : 'internal', message: error.message.replaceAll('\0', '') }
}
