import type { Logger } from 'pino'
import type { Sql } from '../db/postgres.ts'
import type { Difference } from '../ingest/sight-tag.ts'

/** How far a pass has come. `differences`: the first of them, as many as the caller wanted. */
export type Tally = {
  compared: number
  differed: number
  differences: Difference[]
  errors: number
  firstError: Error | null
}

/** A pass over one registry. `startedAt` names it: what was compared by it bears that time. `first`: no whole pass came before. */
export type PassState = { startedAt: Date; resumed: boolean; first: boolean; tally: Tally }

/** An interrupted pass is taken up again within this time; after it, too much may have changed. Milliseconds. */
const longestGap = 24 * 3600 * 1000

/** Begins a pass, or takes up the one that was interrupted. A dry run leaves no trace. */
export async function beginPass(
  sql: Sql,
  registryId: number,
  now: Date,
  { resume, dryRun }: { resume: boolean; dryRun: boolean },
): Promise<PassState> {
  const [row] = await sql<
    { passStartedAt: Date | null; passCompared: number; passDiffered: number; importedAt: Date | null }[]
  >`select pass_started_at, pass_compared, pass_differed, imported_at from registry where id = ${registryId}`
  const { passStartedAt, passCompared, passDiffered, importedAt } = row!
  const open = resume && !dryRun && passStartedAt !== null && now.getTime() - passStartedAt.getTime() < longestGap
  const tally = { compared: 0, differed: 0, differences: [], errors: 0, firstError: null }
  if (open)
    return {
      startedAt: passStartedAt,
      resumed: true,
      first: importedAt === null,
      tally: { ...tally, compared: passCompared, differed: passDiffered },
    }
  if (!dryRun)
    await sql`update registry set pass_started_at = ${now}, pass_compared = 0, pass_differed = 0 where id = ${registryId}`
  return { startedAt: now, resumed: false, first: importedAt === null, tally }
}

/** Milliseconds between two notes of progress. */
const betweenNotes = 1000

/** Notes how far the pass has come, for whoever watches: in the registry's row, at most once a second, and in the log every tenth. */
export function makeProgress(
  d: { sql: Sql; log: Logger; clock: () => Date },
  registryId: number,
  { tally }: PassState,
): () => Promise<void> {
  let noted = d.clock().getTime()
  let notes = 0
  return async () => {
    const now = d.clock().getTime()
    if (now - noted < betweenNotes) return
    noted = now
    const { compared, differed, errors } = tally
    await d.sql`update registry set pass_compared = ${compared}, pass_differed = ${differed} where id = ${registryId}`
    if (++notes % 10 === 0) d.log.info({ compared, differed, errors }, 'comparing with the registry')
  }
}

/**
 * Ends a pass. Where something could not be compared it stays open, so that the next try asks for the rest alone. The first whole pass
 * is the import: what tags were before it is not known.
 */
export async function endPass(sql: Sql, registryId: number, { tally }: PassState, now: Date): Promise<void> {
  const { errors, firstError, compared, differed } = tally
  if (firstError)
    await sql`
      update registry set reconcile_error = ${`${firstError.message} (${errors} in all)`}, pass_compared = ${compared},
        pass_differed = ${differed}
      where id = ${registryId}`
  else
    await sql`
      update registry set reconcile_error = null, reconciled_at = ${now}, imported_at = coalesce(imported_at, ${now}),
        pass_started_at = null, pass_compared = 0, pass_differed = 0, gone_since = null
      where id = ${registryId}`
}
