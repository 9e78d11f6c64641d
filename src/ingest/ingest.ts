/*
 * In: an event of the inbox.
 * Out: facts: content in `manifest`, `index_entry` and `declaration`, the tag's timeline, marks for refresh.
 * Guarantees: handling twice, or in another order, ends in the same rows; what fails is kept with its error and tried again.
 */
import { queueReadingOf } from '../build/queue-readings.ts'
import type { Deps } from '../deps.ts'
import type { Digest } from '../oci/digest.ts'
import { tagRef } from '../oci/reference.ts'
import type { RegistryClient } from '../registry/registries.ts'
import { ordersByItself } from './clock-skew.ts'
import { inTransaction } from './in-transaction.ts'
import { learn } from './learn.ts'
import { lookForEvent } from './look-for-event.ts'
import type { Fault } from './observe.ts'
import { recordFailure } from './record-failure.ts'
import { type Learned, nothingLearned, type Observation, save } from './save.ts'

/** An event as ingest reads it. Its digest, tag and repository were checked when it came in. */
export type PendingEvent = {
  id: string
  registryId: number
  host: string
  eventId: string
  action: string
  repository: string
  tag: string | null
  digest: Digest | null
  mediaType: string | null
  at: bigint
  receivedAt: Date
  attempts: number
}

/** Key: the event's row. An event that is handled or ignored already is left alone. */
export async function ingest(
  d: Pick<Deps, 'sql' | 'jobs' | 'registries' | 'log' | 'clock'>,
  eventId: string,
): Promise<void> {
  const [event] = await d.sql<PendingEvent[]>`
    select event.id, registry_id, registry.name as host, event_id, action, repository, tag, digest, media_type, at, received_at,
      attempts
    from event join registry on registry.id = registry_id
    where event.id = ${eventId} and outcome in ('pending', 'failed')`
  if (!event) return
  try {
    if (event.action === 'look') return await lookAndEnd(d, event, null)
    if (!ordersByItself(event.at, event.receivedAt, d.clock())) return await lookAndEnd(d, event, 'time-ahead')
    const learned = event.action === 'push' ? await learnPushed(d, event) : nothingLearned
    await inTransaction(d.sql, async (tx) => {
      await save(d, tx, observationOf(event), learned)
      if (event.tag && event.action === 'push')
        await queueReadingOf(d, tx, tagRef(event.host, event.repository, event.tag))
      const end = endOf(event, learned)
      await tx`
        update event set outcome = ${end.outcome}::event_outcome, reason = ${end.reason},
          error = ${end.error && JSON.stringify(end.error)}::text::jsonb, attempts = attempts + 1, next_try_at = null,
          handled_at = ${end.outcome === 'handled' ? d.clock() : null}::timestamptz
        where id = ${event.id}`
    })
  } catch (error) {
    await recordFailure(d, event, error)
  }
}

/** An event that states no fact, or at a time that is yet to come: the registry is asked about what it names. */
async function lookAndEnd(
  d: Pick<Deps, 'sql' | 'jobs' | 'registries' | 'clock'>,
  event: PendingEvent,
  reason: 'time-ahead' | null,
): Promise<void> {
  await lookForEvent(d, clientOf(d, event), event)
  await d.sql`
    update event set outcome = 'handled', reason = ${reason}, error = null, attempts = attempts + 1, next_try_at = null,
      handled_at = ${d.clock()}
    where id = ${event.id} and outcome in ('pending', 'failed')`
}

const learnPushed = (d: Pick<Deps, 'sql' | 'registries'>, event: PendingEvent): Promise<Learned> =>
  learn(d, clientOf(d, event), event.repository, event.digest!, event.mediaType ?? '')

function clientOf(d: Pick<Deps, 'registries'>, event: PendingEvent): RegistryClient {
  const client = d.registries.byName(event.host)
  if (!client) throw new UnknownRegistryError(event.host)
  return client
}

/** A delete of a tag carries it, with an empty digest; a delete of a digest hits every tag that is on it. */
const observationOf = (event: PendingEvent): Observation => ({
  registryId: event.registryId,
  host: event.host,
  repository: event.repository,
  tag: event.tag ?? '',
  kind: event.action === 'delete' ? 'delete' : 'push',
  digest: event.digest,
  at: event.at,
  sourceId: event.eventId,
  exact: true,
})

type End = { outcome: 'handled' | 'failed'; reason: Fault | null; error: { code: string; message: string } | null }

/**
 * The push is a fact whatever its content is, so it is saved in any case. Where the registry did not give what the digest
 * names, handling failed: no try by itself would change that, a replay may. Other faults lie in what was pushed; the
 * event is handled and says so.
 */
function endOf(event: PendingEvent, learned: Learned): End {
  const fault = learned.manifests.find((manifest) => manifest.digest === event.digest)?.fault ?? null
  if (fault !== 'digest-mismatch' && fault !== 'too-large') return { outcome: 'handled', reason: fault, error: null }
  const message = `the registry's answer for ${event.digest} could not be used: ${fault}`
  return { outcome: 'failed', reason: fault, error: { code: fault, message } }
}

/** The registry was configured when the event came in and is not now. */
class UnknownRegistryError extends Error {
  readonly code = 'registry-unknown'
  readonly retryable = false
  constructor(host: string) {
    super(`no registry ${host} is configured`)
  }
}
