import type { Deps } from '../deps.ts'
import { type Claim, claimBuild } from './claim.ts'
import type { Course } from './course.ts'
import { claimTogether, type Takes } from './next-build.ts'
import { ownCourse } from './own-course.ts'
import { buildWrites, runClaim } from './run-claim.ts'
import { serviceCourse } from './service/service-course.ts'
import { wakeAnother } from './wake-builders.ts'

/** So long a job goes on with one build after another, milliseconds; then another takes its place, as jobs are to end. */
const turnMs = 60_000

/**
 * Gives what runs builds, one after another, until none is due. In come build rows; out go pushed tags, our evidence on them, and the
 * rows' ends. Guarantees: one build of a tag at a time; a build whose worker died goes on where that leads to one push; secrets and the
 * working directory do not stay. `shutdown` ends it at once and leaves the build to be taken over. One for all workers of a process.
 */
export function buildRunner(d: Deps, course = coursesOf(d)): (takes: Takes, shutdown: AbortSignal) => Promise<void> {
  const own = new Set<string>()
  const claim = claimTogether(d, own)
  const wake = wakeOnce(d)
  const writes = buildWrites(d)
  return async (takes, shutdown) => {
    const end = performance.now() + turnMs
    while (!shutdown.aborted) {
      const next = await claim(takes)
      if (!next) return
      if (next.more) wake(takes)
      const { id } = next.claim
      own.add(id)
      await runClaim(d, course(next.claim), next.claim, shutdown, writes).finally(() => own.delete(id))
      if (performance.now() > end) return wakeAnother(d, takes)
    }
  }
}

/**
 * For all workers of a process: while a look is being asked for, nobody needs to ask as well. Nothing waits for it: where it fails the
 * sweep makes up for it.
 */
function wakeOnce(d: Deps): (takes: Takes) => void {
  const asking = new Set<Takes>()
  return (takes) => {
    if (asking.has(takes)) return
    asking.add(takes)
    wakeAnother(d, takes)
      .catch((err: unknown) => d.log.debug({ err }, 'another look for builds is left to the sweep'))
      .finally(() => asking.delete(takes))
  }
}

/** Runs this very build, whoever's turn it is. One that has ended, or that another worker has, is left alone. */
export async function build(d: Deps, buildId: string, shutdown?: AbortSignal): Promise<void> {
  const claim = await claimBuild(d, buildId)
  if (claim === 'over' || claim === 'busy') return
  await runClaim(d, coursesOf(d)(claim), claim, shutdown)
}

/** The sort of a build, as its row says. */
function coursesOf(d: Deps): (claim: Claim) => Course {
  const [own, service] = [ownCourse(d), serviceCourse(d)]
  return ({ job }) => (job === null ? own : service)
}
