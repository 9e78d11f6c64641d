import type { Deps } from '../deps.ts'
import { type Claim, claimBuild } from './claim.ts'
import type { Course } from './course.ts'
import { ownCourse } from './own-course.ts'
import { runClaim } from './run-claim.ts'

/**
 * Runs one queued build to its end, whoever's turn it is. In comes the id of a build row; out go a pushed tag, our evidence on it, and
 * the row's end. Guarantees: one build of a tag at a time; a build whose worker died goes on where that leads to one push; secrets and
 * the working directory do not stay. One that has ended, or that another worker has, is left alone. `shutdown` ends it at once and
 * leaves it to be taken over.
 */
export async function build(d: Deps, buildId: string, shutdown?: AbortSignal): Promise<void> {
  const claim = await claimBuild(d, buildId)
  if (claim === 'over' || claim === 'busy') return
  await runClaim(d, courseOf(d, claim), claim, shutdown)
}

/** The sort of a build, as its row says. */
export const courseOf = (d: Deps, _claim: Claim): Course => ownCourse(d)
