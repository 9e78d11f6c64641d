import { mkdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Deps } from '../deps.ts'
import { parseReference } from '../oci/reference.ts'
import { BuildError, describeError } from './build-error.ts'
import type { Builder, BuilderContext, BuildJob, Built } from './builders/builder.ts'
import { type Claim, releaseClaim, watchClaim } from './claim.ts'
import { cleanUp } from './clean-up.ts'
import type { Course } from './course.ts'
import { type LogSink, openLogSink } from './log-sink.ts'
import { endOrphans } from './orphans.ts'
import { makeProgress, type Progress } from './progress.ts'
import type { Recipe } from './recipe.ts'

type Needs = Pick<Deps, 'sql' | 'clock' | 'log' | 'config'>

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
 * A failure is an outcome of the build (`{code, message, retryable}`); rejects only where the database is lost or `shutdown` came,
 * and the build is then left to be taken over.
 */
export async function runClaim(d: Needs, course: Course, claim: Claim, shutdown?: AbortSignal): Promise<void> {
  const log = openLogSink(d, claim.id)
  const stop = new AbortController()
  const ended = new AbortController()
  const halt = () => stop.abort(new BuildError('shutting-down', 'this worker is being stopped', { retryable: true }))
  shutdown?.addEventListener('abort', halt, { once: true })
  if (shutdown?.aborted) halt()
  const watching = watchClaim(d, claim, stop, ended.signal)
  const progress = makeProgress(d, claim, stop.signal, d.config.builds.timeouts)
  try {
    const failure = await attempt({ d, course, claim, log, progress }).then(
      () => null,
      (error: unknown) => error,
    )
    if (failure !== null && (isLostDatabase(failure) || shutdown?.aborted)) {
      await log.close().catch((err: unknown) => d.log.warn({ err, build: claim.id }, 'could not keep the end of a log'))
      throw failure
    }
    if (failure !== null) await explain(d, claim, failure, log)
    await log.close()
    await finish(d, course, claim, progress, failure)
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
  await course.pushed(claim, target, built, begun.progress.signal)
}

/** Ends what a dead attempt left running and lying about, and finds out whether it had pushed. */
async function afterCrash(all: Attempt, builder: Builder): Promise<Built | null> {
  const { course, claim, target, dir, log, progress } = all
  if (!claim.takenOver) return null
  log.write('[an earlier attempt of this build was interrupted]\n')
  await removeLeftovers(builder, claim.id, dir, AbortSignal.any([progress.signal, AbortSignal.timeout(60_000)])).catch(
    (error: unknown) => {
      progress.signal.throwIfAborted()
      log.write(`[what it left could not be removed: ${describeError(error).message}]\n`)
    },
  )
  if (!claim.intent?.content) return null
  const { content, bases, commit } = claim.intent
  const digest = await course.findPushed(claim, target, content, progress.signal)
  if (!digest) return null
  log.write(`[it had pushed ${digest}]\n`)
  await progress.intend(claim.intent)
  await progress.step('push', async () => undefined)
  return { digest, bases, commit }
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
  await rm(dir, { recursive: true, force: true })
  await builder.clean({ id, dir: tmpdir() }, signal)
}

/**
 * Runs the builder in a directory of its own, which is gone afterwards whatever happened. What another worker has taken over is its
 * to clean: by now the directory and the host may be in use by it.
 */
async function runIn({ d, course, claim, target, dir, log, progress }: Attempt, builder: Builder): Promise<Built> {
  await mkdir(dir, { mode: 0o700 })
  const job: BuildJob = { id: claim.id, target, recipe: claim.recipe, dir, ...course.given(claim, target) }
  const { signal, step, intend, host } = progress
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
    await rm(dir, { recursive: true, force: true })
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
    if (!isClaimLost(error)) await clean()
    throw error
  }
  await clean()
  return built
}

const isClaimLost = (error: unknown): boolean => error instanceof BuildError && error.code === 'claim-lost'

async function explain(d: Needs, claim: Claim, failure: unknown, log: LogSink): Promise<void> {
  const { code, message } = describeError(failure)
  log.write(`\n[${code}] ${message}\n`)
  if (code === 'internal')
    d.log.error({ err: failure, build: claim.id, ref: claim.ref }, 'a build failed inside Drydock')
}

/** The end of the row and what follows from it, together. A build that another worker took over is not ours to end. */
async function finish(d: Needs, course: Course, claim: Claim, progress: Progress, failure: unknown): Promise<void> {
  const error = failure === null ? null : describeError(failure)
  if (isClaimLost(failure)) return
  const state = error === null ? 'succeeded' : error.code === 'cancelled' ? 'cancelled' : 'failed'
  await d.sql.begin(async (tx) => {
    await tx`
      update build set state = ${state}::build_state, finished_at = ${d.clock()}, lease_until = null,
        error = ${error && JSON.stringify(error)}::text::jsonb, steps = ${JSON.stringify(progress.steps())}::text::jsonb
      where id = ${claim.id} and claim_token = ${claim.token} and state = 'running'`
    await course.ended(claim, tx)
  })
}

/** Errors of the connection, not of a statement: nothing can be recorded, so the build is left, and taken over. */
function isLostDatabase(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return /^(CONNECTION_|CONNECT_TIMEOUT|ECONN|57P0|08|P1001|P1017)/.test(code)
}
