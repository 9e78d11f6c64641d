/**
 * In: tags of which something changed that Portus shows, and namespaces whose visibility did. Out: rows of `portus_mark`.
 * Guarantees: written in the transaction of the change, so that none is seen without the other; next to nothing where no Portus is asked.
 */
import type { Sql, Tx } from '../db/postgres.ts'

type At = { ref: string } | { namespace: string }

/** What there is to be shown of these, and of whatever shares an image with them, is found out anew (note-shown.ts). */
export const markTags = (sql: Sql | Tx, refs: readonly string[]): Promise<void> =>
  mark(
    sql,
    refs.map((ref) => ({ ref })),
  )

/** The same of all whose base, or what it came through, is in one of these namespaces. */
export const markNamespaces = (sql: Sql | Tx, keys: readonly string[]): Promise<void> =>
  mark(
    sql,
    keys.map((namespace) => ({ namespace })),
  )

async function mark(sql: Sql | Tx, what: readonly At[]): Promise<void> {
  if (what.length === 0) return
  const kinds = what.map((one) => ('ref' in one ? 'tag' : 'namespace'))
  const keys = what.map((one) => ('ref' in one ? one.ref : one.namespace))
  await sql`
    insert into portus_mark (kind, key) select * from unnest(${kinds}::portus_mark_kind[], ${keys}::text[])
    where exists (select from portus_sweep)`
}

/** The same of all there is, in one pass. */
export const markAll = async (sql: Sql | Tx): Promise<void> => void (await sql`update portus_sweep set swept_at = null`)

/** No Portus is asked: nothing is marked any more. */
export const stopMarking = async (sql: Sql | Tx): Promise<void> =>
  void (await sql`
    with stopped as (delete from portus_sweep returning id) delete from portus_mark where exists (select from stopped)`)
