import type { Deps } from '../deps.ts'
import { type Claim, claimBuild } from './claim.ts'
import type { Course } from './course.ts'
import { claimTogether, type Takes } from './next-build.ts'
import { ownCourse } from './own-course.ts'
import { runClaim } from './run-claim.ts'
import { serviceCourse } from './service/service-course.ts'
import { wakeAnother } from './wake-builders.ts'

/** So long a job goes on with one build after another, milliseconds; then another takes its place, as jobs are to end. */
const turnMs = 60_000

/**
 * Gives what runs builds, one after another, until none is due. In come build rows; out go pushed tags, our evidence on them, and the
 * rows' ends. Guarantees: one build of a tag at a time; a build whose worker died goes on where that leads to one push; secrets and the
 * working directory do not stay. `shutdown` ends it at once and leaves the build to be taken over. One for all workers of a process.
 */
export function buildRunner(
  d: Deps,
  course = (claim: Claim): Course => courseOf(d, claim),
): (takes: Takes, shutdown: AbortSignal) => Promise<void> {
  const own = new Set<string>()
  const claim = claimTogether(d, own)
  const wake = wakeOnce(d)
  return async (takes, shutdown) => {
    const end = performance.now() + turnMs
    while (!shutdown.aborted) {
      const next = await claim(takes)
      if (!next) return
      if (next.more) await wake(takes)
      const { id } = next.claim
      own.add(id)
      await runClaim(d, course(next.claim), next.claim, shutdown).finally(() => own.delete(id))
      if (performance.now() > end) return wakeAnother(d, takes)
    }
  }
}

/** For all workers of a process: who would have another look while that is being asked for has no need to ask as well. */
function wakeOnce(d: Deps): (takes: Takes) => Promise<void> {
  const asking = new Map<Takes, Promise<void>>()
  return (takes) => {
    const asked = asking.get(takes) ?? wakeAnother(d, takes).finally(() => asking.delete(takes))
    asking.set(takes, asked)
    return asked
  }
}

/** Runs this very build, whoever's turn it is. One that has ended, or that another worker has, is left alone. */
export async function build(d: Deps, buildId: string, shutdown?: AbortSignal): Promise<void> {
  const claim = await claimBuild(d, buildId)
  if (claim === 'over' || claim === 'busy') return
  await runClaim(d, courseOf(d, claim), claim, shutdown)
}

/** The sort of a build, as its row says. */
export const courseOf = (d: Deps, { job }: Claim): Course => (job === null ? ownCourse(d) : serviceCourse(d))
