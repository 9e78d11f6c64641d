import { mkdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Deps } from '../deps.ts'
import { look } from '../ingest/look.ts'
import { parseReference, type Reference } from '../oci/reference.ts'
import { refresh } from '../staleness/refresh.ts'
import { BuildError, describeError } from './build-error.ts'
import type { Builder, BuilderContext, BuildJob, Built } from './builders/builder.ts'
import { builderFor } from './builders/builders.ts'
import { causeAnnotations } from './cause-annotations.ts'
import { type Claim, claimBuild, watchClaim } from './claim.ts'
import { findPushed } from './find-pushed.ts'
import { type LogSink, openLogSink } from './log-sink.ts'
import { namespaceLogins } from './logins.ts'
import { endOrphans } from './orphans.ts'
import { makeProgress, type Progress } from './progress.ts'
import type { Recipe } from './recipe.ts'
import { moveTags, recordPushed } from './record-pushed.ts'
import { enqueueBuild } from './request.ts'
import { type CauseAfter, stillOutdated } from './still-outdated.ts'

type Attempt = {
  d: Deps
  claim: Claim
  recipe: Recipe
  target: Reference & { tag: string }
  dir: string
  log: LogSink
  progress: Progress
}

const busyForMs = 3000

/**
 * Runs one queued build to its end. In comes the id of a build row; out go a pushed tag, our evidence on it, and the row's end.
 * Guarantees: one build of a tag at a time; a job that runs again after a crash goes on where that leads to one push; a failure is an
 * outcome of the build (`{code, message}`), and only a lost database fails the job; secrets and the working directory do not stay.
 * `shutdown` ends it at once and leaves it to be taken over.
 */
export async function build(d: Deps, buildId: string, shutdown?: AbortSignal): Promise<void> {
  const claim = await claimBuild(d, buildId)
  if (claim === 'over') return
  if (claim === 'busy') {
    const later = new Date(d.clock().getTime() + busyForMs)
    await d.sql.begin((tx) => enqueueBuild(d, tx, buildId, later))
    return
  }
  const log = openLogSink(d, claim.id)
  const stop = new AbortController()
  const ended = new AbortController()
  const halt = () => stop.abort(new BuildError('shutting-down', 'this worker is being stopped', { retryable: true }))
  shutdown?.addEventListener('abort', halt, { once: true })
  if (shutdown?.aborted) halt()
  const watching = watchClaim(d, claim, stop, ended.signal)
  const progress = makeProgress(d, claim, stop.signal)
  try {
    const failure = await attempt(d, claim, log, progress).then(
      () => null,
      (error: unknown) => error,
    )
    if (failure !== null && (isLostDatabase(failure) || shutdown?.aborted)) {
      await log.close().catch((err: unknown) => d.log.warn({ err, build: claim.id }, 'could not keep the end of a log'))
      throw failure
    }
    if (failure !== null) await explain(d, claim, failure, log)
    await log.close()
    await finish(d, claim, progress, failure)
  } finally {
    ended.abort()
    shutdown?.removeEventListener('abort', halt)
    await watching
  }
}

async function attempt(d: Deps, claim: Claim, log: LogSink, progress: Progress): Promise<void> {
  const parsed = parseReference(claim.ref)
  if (!parsed?.tag) throw new BuildError('ref-invalid', `${claim.ref} is no tag`)
  const target = { ...parsed, tag: parsed.tag }
  const { recipe } = claim
  if (!recipe)
    throw new BuildError('recipe-invalid', 'the stored recipe cannot be read by this version: store it again')
  const builder = builderFor(d, recipe.strategy)
  if (!builder) {
    throw new BuildError('no-builder', `no builder here runs recipes of strategy ${recipe.strategy}`)
  }
  await d.sql`update build set builder = ${builder.name} where id = ${claim.id} and claim_token = ${claim.token}`
  const dir = join(tmpdir(), `drydock-build-${claim.id}`)
  const all = { d, claim, recipe, target, dir, log, progress }
  const built = (await afterCrash(all, builder)) ?? (await runIn(all, builder))
  await recordPushed(d, claim, built)
  const further = await moveTags(d, target, built.digest, recipe.tags)
  const cause = await causeLeft(d, claim, [claim.ref, ...further], built)
  if (cause) {
    const message = `${claim.ref} was built and pushed, and is still outdated by ${cause.base} at ${cause.toDigest}`
    throw new BuildError('still-outdated', message)
  }
}

/** Ends what a dead attempt left running and lying about, and finds out whether it had pushed. */
async function afterCrash({ d, claim, target, dir, log, progress }: Attempt, builder: Builder): Promise<Built | null> {
  if (!claim.takenOver) return null
  log.write('[an earlier attempt of this build was interrupted]\n')
  await endOrphans(dir)
  await endOrphans(join(dir, 'checkout'))
  await rm(dir, { recursive: true, force: true })
  await builder.clean({ id: claim.id, dir: tmpdir() }, AbortSignal.timeout(60_000))
  if (!claim.intent) return null
  const { bases, commit } = claim.intent
  const digest = await findPushed(d, target, claim.intent.content)
  if (!digest) return null
  log.write(`[it had pushed ${digest}]\n`)
  await progress.intend(claim.intent)
  await progress.step('push', async () => undefined)
  return { digest, bases, commit }
}

/** Runs the builder in a directory of its own, which is gone afterwards whatever happened. */
async function runIn({ d, claim, recipe, target, dir, log, progress }: Attempt, builder: Builder): Promise<Built> {
  await mkdir(dir, { mode: 0o700 })
  const logins = namespaceLogins(d, target)
  const job: BuildJob = { id: claim.id, target, recipe, dir, bases: [], annotations: causeAnnotations(claim), logins }
  const context: BuilderContext = { log, step: progress.step, intend: progress.intend, host: progress.host }
  try {
    return await builder.run(job, context)
  } finally {
    const cleaned = progress.step('cleanup', (signal) => builder.clean(job, signal))
    await cleaned.catch((error: unknown) => log.write(`[cleanup: ${describeError(error).message}]\n`))
    await rm(dir, { recursive: true, force: true })
  }
}

/**
 * Asks the registry for what was pushed and judges it at once, so that the verdict on our own push does not wait for a webhook.
 * Where that cannot be had now, the queued look and refresh will bring it, and the build counts as done.
 */
async function causeLeft(d: Deps, claim: Claim, refs: readonly string[], built: Built): Promise<CauseAfter | null> {
  try {
    for (const ref of refs) await look(d, ref)
    await refresh(d)
  } catch (error) {
    d.log.warn({ err: error, build: claim.id }, 'could not judge what a build pushed; it is looked at again')
    return null
  }
  const causes = await d.sql<CauseAfter[]>`
    select cause.base, cause.to_digest, cause.via, cause.counted
    from cause join tag on tag.id = cause.tag_id where tag.ref = ${claim.ref} and tag.status = 'outdated'`
  return stillOutdated(causes, built.bases, claim.reason)
}

async function explain(d: Deps, claim: Claim, failure: unknown, log: LogSink): Promise<void> {
  const { code, message } = describeError(failure)
  log.write(`\n[${code}] ${message}\n`)
  if (code === 'internal')
    d.log.error({ err: failure, build: claim.id, ref: claim.ref }, 'a build failed inside Drydock')
}

/** The end of the row and the plan that follows from it, together. A build that another worker took over is not ours to end. */
async function finish(d: Deps, claim: Claim, progress: Progress, failure: unknown): Promise<void> {
  const error = failure === null ? null : describeError(failure)
  if (error?.code === 'claim-lost') return
  const state = error === null ? 'succeeded' : error.code === 'cancelled' ? 'cancelled' : 'failed'
  await d.sql.begin(async (tx) => {
    await tx`
      update build set state = ${state}::build_state, finished_at = ${d.clock()}, error = ${error && JSON.stringify(error)}::text::jsonb,
        steps = ${JSON.stringify(progress.steps())}::text::jsonb
      where id = ${claim.id} and claim_token = ${claim.token} and state = 'running'`
    await d.jobs.enqueue(tx, 'plan', {}, { key: 'plan', queue: 'plan' })
  })
}

/** Errors of the connection, not of a statement: nothing can be recorded, so the job has to come again (and takes the build over). */
function isLostDatabase(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return /^(CONNECTION_|CONNECT_TIMEOUT|ECONN|57P0|08|P1001|P1017)/.test(code)
}
