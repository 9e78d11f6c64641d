import { isLostDatabase } from '../db/is-lost-database.ts'
import type { Deps } from '../deps.ts'
import { describeError } from './build-error.ts'
import type { BuildJob } from './builders/builder.ts'
import type { Claim } from './claim.ts'
import type { Course } from './course.ts'
import type { LogSink } from './log-sink.ts'
import type { Progress } from './progress.ts'
import type { Recipe } from './recipe.ts'
import { staysAsStaged } from './unstage.ts'

/** One worker at one build, from its claim on. `dir`: this attempt's own. */
export type Attempt = {
  d: Pick<Deps, 'sql' | 'clock' | 'log' | 'config'>
  course: Course
  claim: Claim & { recipe: Recipe }
  target: BuildJob['target']
  dir: string
  log: LogSink
  progress: Progress
}

/** What was, or may have been, pushed does not fail because somebody cannot be asked now: it is left to be taken over, as long as that may help. */
export class LeftForLater extends Error {}

/** Seconds between two tries, and how long they go on, from the build's beginning. */
export const laterSeconds = 20
const patienceSeconds = 24 * 3600

/** Leaves for later what may pass; throws what does not. */
export const orLater =
  ({ d, claim, progress }: Pick<Attempt, 'd' | 'claim' | 'progress'>) =>
  (error: unknown): never => {
    const { message, retryable } = describeError(error)
    const late = d.clock().getTime() - claim.since.getTime() > patienceSeconds * 1000
    if (progress.signal.aborted) throw progress.signal.reason
    if (late || !retryable || isLostDatabase(error)) throw error
    throw new LeftForLater(message, { cause: error })
  }

/** Seconds for what a push that was cut short left in the registry; with a cancel in mind: it is done beside the clean-up. */
export const stagedSeconds = 20
export const stagedAfterStop = 1.4

/** The build's own end never depends on it. */
export async function unstageAll({ course, claim, target, log }: Attempt, seconds: number): Promise<void> {
  try {
    const left = await course.unstage(claim, target, AbortSignal.timeout(seconds * 1000))
    if (left.length > 0) log.write(staysAsStaged(left))
  } catch (error) {
    log.write(
      `[staging tags may stay until the next build of ${claim.ref}: ${describeError(error, log.masked).message}]\n`,
    )
  }
}
