import { isLostDatabase } from '../db/is-lost-database.ts'
import type { Deps } from '../deps.ts'
import { parseReference } from '../oci/reference.ts'
import { afterCrash } from './after-crash.ts'
import { type Attempt, LeftForLater, laterSeconds, orLater } from './attempt.ts'
import { BuildError, BuildStop, describeError, isStop } from './build-error.ts'
import { type Claim, postponeClaim, releaseClaim, watchClaim } from './claim.ts'
import type { Course } from './course.ts'
import { type EndBuild, endTogether } from './end-build.ts'
import { type LogSink, openLogSink } from './log-sink.ts'
import { makeProgress } from './progress.ts'
import { runIn } from './run-in.ts'
import { type SaveSteps, saveStepsTogether } from './save-steps.ts'
import { throughOutage } from './through-outage.ts'
import { workDirOf } from './work-dir.ts'

type Needs = Pick<Deps, 'sql' | 'clock' | 'log' | 'config'>

/** How builds write to their rows; those of one process share one, so that what several write goes together. */
export type Writes = { saveSteps: SaveSteps; end: EndBuild }

export const buildWrites = (d: Needs): Writes => ({ saveSteps: saveStepsTogether(d), end: endTogether(d) })

/**
 * What every build does, whoever wanted it: keeps its claim, runs a builder in a directory of its own, logs, cleans up, ends its row.
 * A failure is an outcome of the build (`{code, message, retryable}`); rejects only where the database is lost for long or `shutdown` came,
 * and the build is then left to be taken over. So it is where a registry is away at the end of what was, or may have been, pushed.
 */
export async function runClaim(
  d: Needs,
  course: Course,
  claim: Claim,
  shutdown?: AbortSignal,
  { saveSteps, end }: Writes = buildWrites(d),
): Promise<void> {
  const stop = new AbortController()
  const gone = new AbortController()
  stop.signal.addEventListener('abort', () => isCancelled(stop.signal.reason) || gone.abort(), { once: true })
  const log = openLogSink(d, claim.id, undefined, gone.signal)
  const ended = new AbortController()
  const halt = () => stop.abort(new BuildStop('shutting-down'))
  shutdown?.addEventListener('abort', halt, { once: true })
  if (shutdown?.aborted) halt()
  if (claim.cancelAsked) stop.abort(new BuildStop('cancelled'))
  const watching = watchClaim(d, claim, stop, ended.signal)
  const progress = makeProgress(d, claim, stop.signal, d.config.builds.timeouts, log.masked, saveSteps)
  try {
    const failure = await attempt({ d, course, claim, log, progress }).then(
      () => null,
      (error: unknown) => error,
    )
    if (failure !== null && (isLostDatabase(failure) || shutdown?.aborted)) {
      await log.close()
      throw failure
    }
    if (failure instanceof LeftForLater) {
      log.write(`\n[${failure.message}: tried again in ${laterSeconds} s]\n`)
      await log.close()
      return await throughOutage(() => postponeClaim(d, claim, laterSeconds), { until: gone.signal })
    }
    if (failure !== null) await explain(d, claim, failure, log)
    await log.close()
    if (isClaimLost(failure)) return
    const error = failure === null ? null : describeError(failure, log.masked)
    await throughOutage(() => end({ course, claim, steps: progress.steps(), error }), { until: gone.signal })
  } finally {
    ended.abort()
    shutdown?.removeEventListener('abort', halt)
    await watching
    if (shutdown?.aborted)
      await releaseClaim(d, claim).catch((err: unknown) => d.log.debug({ err }, 'a lease runs out by itself'))
  }
}

type Begun = Omit<Attempt, 'target' | 'dir' | 'claim'> & { claim: Claim }

async function attempt(begun: Begun): Promise<void> {
  const { course, claim } = begun
  const parsed = parseReference(claim.ref)
  if (!parsed?.tag) throw new BuildError('ref-invalid', `${claim.ref} is no tag`)
  const target = { ...parsed, tag: parsed.tag }
  const { recipe } = claim
  if (!recipe)
    throw new BuildError('recipe-invalid', 'the stored recipe cannot be read by this version: store it again')
  const all: Attempt = { ...begun, claim: { ...claim, recipe }, target, dir: workDirOf(claim) }
  const builder = course.builder(all.claim)
  begun.progress.by(builder.name)
  const built = (await afterCrash(all, builder)) ?? (await runIn(all, builder))
  const { signal } = begun.progress
  const note = await throughOutage(() => course.pushed(claim, target, built, signal), { until: signal }).catch(
    orLater(all),
  )
  if (note !== null) begun.log.write(`\n${note}\n`)
}

const isCancelled = (error: unknown): boolean => isStop(error, 'cancelled')
const isClaimLost = (error: unknown): boolean => isStop(error, 'claim-lost')

async function explain(d: Needs, claim: Claim, failure: unknown, log: LogSink): Promise<void> {
  const { code, message } = describeError(failure, log.masked)
  if (!(failure instanceof BuildError && failure.told)) log.write(`\n[${code}] ${message}\n`)
  if (code !== 'internal') return
  const err = { message, stack: log.masked(failure instanceof Error ? (failure.stack ?? '') : '') }
  d.log.error({ err, build: claim.id, ref: claim.ref }, 'a build failed inside Drydock')
}
