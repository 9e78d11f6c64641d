/**
 * in: calls that change something, by whom, of what namespace.
 * out: rows of `audit`: written before the call is handled, completed when it has ended.
 * guarantees: nothing is changed through the API, and no name begins anew, without a row; of a body only what the route chooses is stored, and no secret.
 */
import type { Sql, Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import type { Principal } from './principal.ts'
import { readableBy } from './readable-by.ts'

/** What exactly was asked for, of what a route chooses to tell (route.ts): never a secret. */
export type Details = { readonly [field: string]: string | number | boolean | null | undefined | readonly string[] }

export type AuditEntry = {
  id: bigint
  at: Date
  actor: string
  via: string
  action: string
  subject: string
  namespace: string | null
  details: Details | null
  status: number | null
  problem: string | null
  requestId: string
}

/** What is about to be done. Answers the row's id. */
export async function beginAudit(
  d: Pick<Deps, 'sql' | 'clock'>,
  { name, via }: Principal,
  what: Pick<AuditEntry, 'action' | 'subject' | 'namespace' | 'requestId'> & { details?: Details | null },
): Promise<bigint> {
  const [row] = await d.sql<{ id: bigint }[]>`
    insert into audit (at, actor, via, action, subject, namespace, details, request_id)
    values (${d.clock()}, ${name}, ${via}, ${what.action}, ${what.subject}, ${what.namespace},
      ${what.details ? JSON.stringify(what.details) : null}::text::jsonb, ${what.requestId})
    returning id`
  if (!row) throw new Error('an insert gave no row')
  return row.id
}

/** What became of it. `problem`: the code where it was refused or failed. */
export async function endAudit(
  d: Pick<Deps, 'sql'>,
  id: bigint,
  { status, problem }: { status: number; problem: string | null },
): Promise<void> {
  await d.sql`update audit set status = ${status}, problem = ${problem} where id = ${id}`
}

/** What was done by no call, but by what a source of people says. `details`: as in a call's row. */
export type DoneBySource = { source: string; action: string; subject: string; details: Details }

/** Rows that are whole from the start, as they stand or fall with the transaction that does it. One statement, however many. */
export async function auditSource(tx: Tx, done: readonly DoneBySource[]): Promise<void> {
  if (done.length === 0) return
  await tx`
    insert into audit (at, actor, via, action, subject, details, status, request_id)
    select statement_timestamp(), d.source, 'source', d.action, d.subject, d.details::jsonb, 200, 'people:' || d.source
    from unnest(${done.map(({ source }) => source)}::text[], ${done.map(({ action }) => action)}::text[],
      ${done.map(({ subject }) => subject)}::text[], ${done.map(({ details }) => JSON.stringify(details))}::text[])
      as d (source, action, subject, details)`
}

export type AuditFilter = { actor: string | null; namespace: string | null; after: bigint | null; limit: number }

/** Newest first: everything to admins, else what was done in the namespaces that the person owns. */
export async function listAudit(
  d: Pick<Deps, 'sql'>,
  principal: Principal,
  { actor, namespace, after, limit }: AuditFilter,
): Promise<AuditEntry[]> {
  const rows = await d.sql<(Omit<AuditEntry, 'details'> & { details: string | null })[]>`
    select id, at, actor, via, action, subject, namespace, details::text as details, status, problem, request_id from audit
    where (${actor}::text is null or actor = ${actor}) and (${namespace}::text is null or namespace = ${namespace})
      and (${after}::bigint is null or id < ${after}::bigint) and ${seenBy(d.sql, principal)}
    order by id desc limit ${limit}`
  return rows.map((row) => ({ ...row, details: row.details === null ? null : (JSON.parse(row.details) as Details) }))
}

function seenBy(sql: Sql | Tx, principal: Principal) {
  const readable = readableBy(sql, principal, sql`namespace`)
  if (principal.admin) return readable
  return sql`(${readable} and namespace in (
    select namespace_key from member where user_name = ${principal.name} and role = 'owner'))`
}
