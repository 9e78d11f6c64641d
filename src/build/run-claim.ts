import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isLostDatabase } from '../db/is-lost-database.ts'
import type { Deps } from '../deps.ts'
import { parseReference } from '../oci/reference.ts'
import { BuildError, BuildStop, describeError, isStop } from './build-error.ts'
import type { Builder, BuilderContext, BuildJob, Built, PushIntent } from './builders/builder.ts'
import { type Claim, postponeClaim, releaseClaim, watchClaim } from './claim.ts'
import { cleanUp } from './clean-up.ts'
import type { Course } from './course.ts'
import { type EndBuild, endTogether } from './end-build.ts'
import { type LogSink, openLogSink } from './log-sink.ts'
import { endOrphans } from './orphans.ts'
import { makeProgress, type Progress } from './progress.ts'
import type { Recipe } from './recipe.ts'
import { type SaveSteps, saveStepsTogether } from './save-steps.ts'
import { throughOutage } from './through-outage.ts'
import { staysAsStaged } from './unstage.ts'
import { makeWorkDir, removeWorkDir } from './work-dir.ts'

type Needs = Pick<Deps, 'sql' | 'clock' | 'log' | 'config'>

/** How builds write to their rows; those of one process share one, so that what several write goes together. */
export type Writes = { saveSteps: SaveSteps; end: EndBuild }

export const buildWrites = (d: Needs): Writes => ({ saveSteps: saveStepsTogether(d), end: endTogether(d) })

type Attempt = {
  d: Needs
  course: Course
  claim: Claim & { recipe: Recipe }
  target: BuildJob['target']
  dir: string
  log: LogSink
  progress: Progress
}

/**
 * Where a build works: on whatever host, readable by us alone, gone afterwards. A build service has the ids of its trackers, and may stand on
 * the same machine: its directories are others.
 */
const buildDir = ({ id, job }: Pick<Claim, 'id' | 'job'>): string =>
  join(tmpdir(), `drydock-${job === null ? 'build' : 'service'}-${id}`)

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

async function attempt(begun: Omit<Attempt, 'target' | 'dir' | 'claim'> & { claim: Claim }): Promise<void> {
  const { course, claim } = begun
  const parsed = parseReference(claim.ref)
  if (!parsed?.tag) throw new BuildError('ref-invalid', `${claim.ref} is no tag`)
  const target = { ...parsed, tag: parsed.tag }
  const { recipe } = claim
  if (!recipe)
    throw new BuildError('recipe-invalid', 'the stored recipe cannot be read by this version: store it again')
  const all: Attempt = { ...begun, claim: { ...claim, recipe }, target, dir: buildDir(claim) }
  const builder = course.builder(all.claim)
  begun.progress.by(builder.name)
  const built = (await afterCrash(all, builder)) ?? (await runIn(all, builder))
  const { signal } = begun.progress
  const note = await throughOutage(() => course.pushed(claim, target, built, signal), { until: signal }).catch(
    orLater(all),
  )
  if (note !== null) begun.log.write(`\n${note}\n`)
}

/** What was, or may have been, pushed does not fail because somebody cannot be asked now: it is left to be taken over, as long as that may help. */
class LeftForLater extends Error {}

/** Seconds between two tries, and how long they go on, from the build's beginning. */
const laterSeconds = 20
const patienceSeconds = 24 * 3600

const orLater =
  ({ d, claim, progress }: Attempt) =>
  (error: unknown): never => {
    const { message, retryable } = describeError(error)
    const late = d.clock().getTime() - claim.since.getTime() > patienceSeconds * 1000
    if (late || progress.signal.aborted || !retryable || isLostDatabase(error)) throw error
    throw new LeftForLater(message, { cause: error })
  }

/** Ends what a dead attempt left running and lying about, and finds out whether it had pushed. */
async function afterCrash(all: Attempt, builder: Builder): Promise<Built | null> {
  const { claim, dir, log, progress } = all
  if (!claim.takenOver) return null
  log.write('[an earlier attempt of this build was interrupted]\n')
  await removeLeftovers(builder, claim.id, dir, AbortSignal.any([progress.signal, AbortSignal.timeout(60_000)])).catch(
    (error: unknown) => {
      progress.signal.throwIfAborted()
      log.write(`[what it left could not be removed: ${describeError(error).message}]\n`)
    },
  )
  const found =
    claim.intent && (claim.pushed ? { ...claim.intent, digest: claim.pushed } : await askPushed(all, claim.intent))
  if (found || claim.deaths >= mostDeaths) await unstageAll(all, stagedSeconds)
  if (!found && claim.deaths >= mostDeaths)
    throw new BuildError('worker-died', `${claim.deaths} workers died at this build (a lack of memory?)`)
  if (!found || !claim.intent) return null
  log.write(`[it had pushed ${found.digest}]\n`)
  await progress.intend(claim.intent)
  await progress.step('push', async () => undefined)
  return found
}

const mostDeaths = 3

/** Seconds for what a push that was cut short left in the registry; with a cancel in mind: it is done beside the clean-up. */
const stagedSeconds = 20
const stagedAfterStop = 1.4

/** The build's own end never depends on it. */
async function unstageAll({ course, claim, target, log }: Attempt, seconds: number): Promise<void> {
  try {
    const left = await course.unstage(claim, target, AbortSignal.timeout(seconds * 1000))
    if (left.length > 0) log.write(staysAsStaged(left))
  } catch (error) {
    log.write(
      `[staging tags may stay until the next build of ${claim.ref}: ${describeError(error, log.masked).message}]\n`,
    )
  }
}

async function askPushed(all: Attempt, { content, bases, commit }: PushIntent): Promise<Built | null> {
  if (content === null) return null
  const { course, claim, target, progress } = all
  const digest = await course.findPushed(claim, target, content, progress.signal).catch(orLater(all))
  return digest && { digest, bases, commit }
}

/** Programs, files, and what the builder has elsewhere, of an attempt that is dead. */
async function removeLeftovers(
  builder: Pick<Builder, 'clean'>,
  id: string,
  dir: string,
  signal: AbortSignal,
): Promise<void> {
  await endOrphans(dir)
  await endOrphans(join(dir, 'checkout'))
  try {
    await builder.clean({ id, dir }, signal)
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

/**
 * Runs the builder in a directory of its own, which is gone afterwards whatever happened. What another worker has taken over is its
 * to clean: by now the directory and the host may be in use by it.
 */
async function runIn(all: Attempt, builder: Builder): Promise<Built> {
  const { d, course, claim, target, dir, log, progress } = all
  await makeWorkDir(dir)
  const job: BuildJob = { id: claim.id, target, recipe: claim.recipe, dir, ...course.given(claim, target) }
  const { signal, step, host } = progress
  let intent: PushIntent | null = null
  const intend = (intended: PushIntent) => {
    intent = intended
    return progress.intend(intended)
  }
  const context: BuilderContext = { log, signal, step, intend, host }
  const unheard = (err: unknown) =>
    d.log.warn({ err, build: claim.id }, 'could not clean up after a build that was stopped')
  const clean = async () => {
    try {
      await progress.step('cleanup', (limit) => cleanUp(builder, job, { stop: signal, limit, unheard }))
    } catch (error) {
      if (isClaimLost(error)) throw error
      log.write(`[cleanup: ${describeError(error).message}]\n`)
    }
    await removeWorkDir(dir)
    // What took no notice of its end may still write there.
    progress
      .unfinished()
      ?.then(() => rm(dir, { recursive: true, force: true }))
      .catch(unheard)
  }
  let built: Built
  try {
    built = await builder.run(job, context)
  } catch (error) {
    if (isClaimLost(error)) throw error
    const pushing = progress.steps().some(({ name }) => name === 'push')
    await Promise.all([clean(), pushing && unstageAll(all, signal.aborted ? stagedAfterStop : stagedSeconds)])
    // The registry may have taken it, and gone before it said so.
    const found = intent && !signal.aborted && describeError(error).retryable ? await askPushed(all, intent) : null
    if (!found) throw error
    return found
  }
  await clean()
  return built
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
