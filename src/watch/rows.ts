import type { Deps } from '../deps.ts'
import { type Asked, afterAnswer, afterFailure } from './next-asking.ts'
import { usedRefs } from './used.ts'

export type WatchRow = Asked & { ref: string }

type Needs = Pick<Deps, 'sql' | 'clock' | 'config'>

/** Tags of a host to be asked now: those never asked first, then those that wait longest. `except`: had already. */
export const dueRows = (
  d: Needs,
  host: string,
  { all, except, limit }: { all: boolean; except: readonly string[]; limit: number },
): Promise<WatchRow[]> => d.sql<WatchRow[]>`
  select ref, asked_at, next_at, error from watch
  where host = ${host} and (${all} or next_at <= ${d.clock()}::timestamptz) and not ref = any(${[...except]})
  order by asked_at nulls first, next_at, ref limit ${limit}`

/** Drops the row of a tag that is nobody's base any more; true where it did. Who names it meanwhile waits, and makes it anew. */
export function dropUnused(d: Pick<Deps, 'sql'>, ref: string): Promise<boolean> {
  return d.sql.begin(async (tx) => {
    const [held] = await tx`select ref from watch where ref = ${ref} for update`
    if (!held || (await usedRefs(tx, [ref])).length > 0) return false
    await tx`delete from watch where ref = ${ref}`
    return true
  })
}

export async function answered(d: Needs, ref: string): Promise<void> {
  const now = d.clock()
  const next = afterAnswer(now, d.config.watchInterval * 1000, Math.random())
  await d.sql`update watch set asked_at = ${now}, next_at = ${next}, error = null where ref = ${ref}`
}

/** What went wrong with one tag. `until`: when the host may be asked again, where it said so. */
export async function failed(
  d: Needs,
  row: WatchRow,
  { error, retryable, until }: { error: string; retryable: boolean; until: Date | null },
): Promise<void> {
  const now = d.clock()
  const interval = d.config.watchInterval * 1000
  const later = retryable ? afterFailure(now, interval, row, Math.random()) : afterAnswer(now, interval, Math.random())
  const next = until && until > now ? until : later
  await d.sql`
    update watch set asked_at = ${now}, next_at = ${next}, error = ${error.replaceAll('\0', '').slice(0, 1000)} where ref = ${row.ref}`
}

/** The host does not answer at all: what else is due there waits as long as what was tried. Answered tags keep their own time. */
export async function postponeDue(d: Needs, host: string, error: string): Promise<void> {
  await d.sql`
    update watch set error = ${error.replaceAll('\0', '').slice(0, 1000)},
      next_at = (select max(next_at) from watch where host = ${host} and asked_at = (select max(asked_at) from watch where host = ${host}))
    where host = ${host} and next_at <= ${d.clock()}::timestamptz`
}
