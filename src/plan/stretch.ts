import type { Tx } from '../db/postgres.ts'
import { noLongerWanted } from './past-builds.ts'

/**
 * A base that leaves a digest and comes back to it later is another change, though of the same root: what a person decided on the plan
 * of the first, and what failed for it, says nothing of the second. Registry times are compared with those of the same registry alone.
 */

/** Registry ns since when the base of a plan has been at the digest that it is for; null where it is not there now. `plan` is a row. */
const presentStretch = (tx: Tx) => tx`(
  select span.from_at from tag join tag_span span on span.tag_id = tag.id and span.to_at is null and span.digest = tag.head_digest
  where tag.ref = plan.base and tag.head_digest = plan.to_digest)`

/** What `plan.since` is set to by whatever makes, takes up or ends a plan. */
export const stretchNow = (tx: Tx) => tx`coalesce(${presentStretch(tx)}, plan.since)`

/**
 * Whether a plan, a row, was of an earlier stretch: a person ended it, or something was done of it, and the base has come back since. One that
 * is over of which nothing was done is taken up again: a base that flaps leaves one plan behind.
 */
export const isPast = (tx: Tx) => tx`(
  plan.state in ('cancelled', 'stopped', 'done') and plan.base is not null and coalesce(${presentStretch(tx)} > plan.since, false)
  and (plan.state <> 'done' or plan.approved_at is not null or exists (
    select from build mine where mine.plan_id = plan.id and (mine.state in ('succeeded', 'failed')
      or (mine.state = 'cancelled' and mine.error->>'code' is distinct from ${noLongerWanted})))))`

/** Frees the root of a plan of an earlier stretch for a new one. Its builds stay with it. */
export const retirePast = async (tx: Tx, root: string): Promise<void> => {
  await tx`update plan set root = root || '#' || id where root = ${root} and ${isPast(tx)}`
}
