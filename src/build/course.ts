import type { Tx } from '../db/postgres.ts'
import type { Digest } from '../oci/digest.ts'
import type { Builder, BuildJob, Built } from './builders/builder.ts'
import type { Claim } from './claim.ts'

/**
 * What is peculiar to one sort of build; all else is the same for each (run-claim.ts). Two sorts: the tracker's own (own-course.ts), and
 * those that came over the build service's API (`Claim.job` set).
 */
export type Course = {
  /** What runs it. Throws BuildError (`no-builder`). */
  builder(claim: Claim & { recipe: NonNullable<Claim['recipe']> }): Builder
  /** What it may log in with, what its bases are to be taken as, and what the result says of itself. */
  given(claim: Claim, target: BuildJob['target']): Pick<BuildJob, 'logins' | 'bases' | 'annotations'>
  /** The digest that the target is at, if that is the content which a dead attempt was about to push; else null. */
  findPushed(claim: Claim, target: BuildJob['target'], content: Digest, stop: AbortSignal): Promise<Digest | null>
  /** Removes what a push that was cut short left under staging tags; gives the tags that stay. */
  unstage(
    claim: Claim & { recipe: NonNullable<Claim['recipe']> },
    target: BuildJob['target'],
    stop: AbortSignal,
  ): Promise<string[]>
  /** What was pushed, on the row and as evidence, and nothing more: of a build that ends as cancelled all the same. */
  record(claim: Claim, built: Built): Promise<void>
  /** After the push, also after one found: what becomes of it, but what may wait once `stop` has come. Comes again where a worker dies at it. Gives what is to be said in the log, if anything. Throws BuildError. */
  pushed(claim: Claim, target: BuildJob['target'], built: Built, stop: AbortSignal): Promise<string | null>
  /** In the transaction that ends these rows, all of this course. */
  ended(claims: readonly Pick<Claim, 'id'>[], tx: Tx): Promise<void>
}
