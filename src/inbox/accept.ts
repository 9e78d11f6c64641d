/*
 * In: events of authenticated requests.
 * Out: rows in `event`, each with the job that handles it.
 * Guarantees: an acknowledged event is durable together with its job; (registry, event id) is stored and handled once.
 */
import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import type { Instant } from '../oci/instant.ts'
import { priorityOf } from './priority.ts'
import { registryId } from './registry-id.ts'

/** A row of `event` as it comes in; `reason` set = ignored. */
type InboundRow = {
  eventId: string
  action: string
  repository: string
  tag: string | null
  digest: string | null
  mediaType: string | null
  at: Instant
  actor: string | null
  reason: string | null
}

/** One request's worth. `looks`: refs to ask the registry about; `reconcile`: ask about all of it. */
export type Inbound = { registry: string; rows: InboundRow[]; reconcile: boolean; looks: string[] }

/** Rows that may wait for the database before requests are turned away. */
const roomFor = 50_000

/** Rows of one transaction. */
const groupSize = 5_000

type Waiting = { inbound: Inbound; done: () => void; failed: (error: unknown) => void }

/**
 * Commits what comes in by groups: whatever arrives while one group is being committed makes up the next, so that a
 * lone request waits for nothing and many share one commit. Resolves after the commit; rejects where there was none.
 */
export function makeInbox(d: Pick<Deps, 'sql' | 'jobs' | 'clock'>): (inbound: Inbound) => Promise<void> {
  const waiting: Waiting[] = []
  const ids = new Map<string, number>()
  let held = 0
  let busy = false

  async function work(): Promise<void> {
    busy = true
    while (waiting.length > 0) {
      const group = takeGroup(waiting)
      try {
        await commit(group.map((w) => w.inbound))
        for (const w of group) w.done()
      } catch (error) {
        ids.clear()
        for (const w of group) w.failed(error)
      }
      for (const w of group) held -= w.inbound.rows.length
    }
    busy = false
  }

  async function commit(group: Inbound[]): Promise<void> {
    for (const { registry } of group) if (!ids.has(registry)) ids.set(registry, await registryId(d.sql, registry))
    await d.sql.begin(async (tx) => {
      const pending = await insertEvents(tx, group, ids, d.clock())
      for (const [priority, rows] of Map.groupBy(pending, (row) => priorityOf(row.eventId)))
        await d.jobs.enqueueMany(
          tx,
          'ingest',
          rows.map(({ id }) => ({ eventId: id })),
          { priority },
        )
      await askRegistries(d, tx, group)
    })
  }

  return (inbound) =>
    new Promise((done, failed) => {
      if (held + inbound.rows.length > roomFor && held > 0) return failed(new InboxFullError())
      held += inbound.rows.length
      waiting.push({ inbound, done, failed })
      if (!busy) void work()
    })
}

/** Too much waits for the database already; the registry tries again. */
class InboxFullError extends Error {
  readonly code = 'inbox-full'
  readonly retryable = true
  constructor() {
    super('the inbox waits for the database and takes no more')
  }
}

function takeGroup(waiting: Waiting[]): Waiting[] {
  let rows = 0
  const end = waiting.findIndex((w, i) => {
    rows += w.inbound.rows.length
    return i > 0 && rows > groupSize
  })
  return waiting.splice(0, end < 0 ? waiting.length : end)
}

type Inserted = { id: string; eventId: string; pending: boolean }

/** Answers the rows that are new and want handling. */
async function insertEvents(tx: Tx, group: Inbound[], ids: Map<string, number>, now: Date): Promise<Inserted[]> {
  const rows = group.flatMap(({ registry, rows }) => rows.map((row) => ({ ...row, registryId: ids.get(registry)! })))
  if (rows.length === 0) return []
  const inserted = await tx<Inserted[]>`
    insert into event (registry_id, event_id, action, repository, tag, digest, media_type, at, actor, reason,
      received_at, outcome, handled_at)
    select e.*, ${now}::timestamptz,
      (case when e.reason is null then 'pending' else 'ignored' end)::event_outcome,
      case when e.reason is null then null else ${now}::timestamptz end
    from unnest(${rows.map((r) => r.registryId)}::int[], ${rows.map((r) => r.eventId)}::text[],
      ${rows.map((r) => r.action)}::text[], ${rows.map((r) => r.repository)}::text[], ${rows.map((r) => r.tag)}::text[],
      ${rows.map((r) => r.digest)}::text[], ${rows.map((r) => r.mediaType)}::text[],
      ${rows.map((r) => r.at.toString())}::bigint[], ${rows.map((r) => r.actor)}::text[],
      ${rows.map((r) => r.reason)}::text[])
      as e (registry_id, event_id, action, repository, tag, digest, media_type, at, actor, reason)
    on conflict (registry_id, event_id) do nothing
    returning id, event_id, outcome = 'pending' as pending`
  return inserted.filter((row) => row.pending)
}

/** What could not be used is asked of the registry itself. Keys: the ref, the registry. */
async function askRegistries(d: Pick<Deps, 'jobs'>, tx: Tx, group: Inbound[]): Promise<void> {
  const looks = new Map<string, number>()
  for (const { rows, looks: refs } of group) {
    const priority = Math.max(0, ...rows.slice(0, 1).map((row) => priorityOf(row.eventId)))
    for (const ref of refs) looks.set(ref, Math.min(priority, looks.get(ref) ?? priority))
  }
  for (const [ref, priority] of looks) await d.jobs.enqueue(tx, 'look', { ref }, { key: `look:${ref}`, priority })
  for (const registry of new Set(group.flatMap((inbound) => (inbound.reconcile ? [inbound.registry] : []))))
    await d.jobs.enqueue(
      tx,
      'reconcile',
      { registry, fresh: true },
      { key: `reconcile:${registry}`, queue: `reconcile:${registry}` },
    )
}
