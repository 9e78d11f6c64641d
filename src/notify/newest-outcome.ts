import type { Fragment, Sql, Tx } from '../db/postgres.ts'

/**
 * In SQL, the row of the newest build of a tag that says whether it can be built, if any: one that succeeded, or that failed without
 * being asked for by hand, whose failure is theirs to look at. What is queued, runs or was cancelled says nothing. Columns: id, state (succeeded,
 * failed), root, error, finished_at.
 */
export const newestOutcome = (sql: Sql | Tx, ref: Fragment) => sql`(
  select outcome.id, outcome.state, outcome.root, outcome.error, outcome.finished_at from build outcome
  where outcome.ref = ${ref} and outcome.job is null
    and (outcome.state = 'succeeded' or outcome.state = 'failed' and outcome.reason ->> 'kind' is distinct from 'manual')
  order by outcome.created_at desc limit 1)`
