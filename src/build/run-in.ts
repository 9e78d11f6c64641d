import { rm } from 'node:fs/promises'
import { askPushed, recordIfPushed } from './ask-pushed.ts'
import { type Attempt, orLater, stagedAfterStop, stagedSeconds, unstageAll } from './attempt.ts'
import { BuildElsewhere, describeError, isStop } from './build-error.ts'
import type { Builder, BuilderContext, BuildJob, Built, PushIntent } from './builders/builder.ts'
import { cleanUp } from './clean-up.ts'
import { makeWorkDir, removeWorkDir } from './work-dir.ts'

/**
 * Runs the builder in a directory of its own, which is gone afterwards whatever happened. Of what another worker has taken over only that is
 * cleaned which is this attempt's alone: the host may be in use by the other.
 */
export async function runIn(all: Attempt, builder: Builder): Promise<Built> {
  const { course, claim, target, dir, progress } = all
  await makeWorkDir(dir)
  const given = course.given(claim, target)
  const job: BuildJob = { id: claim.id, target, recipe: claim.recipe, dir, again: claim.takenOver, ...given }
  const { signal, step, host, goOn } = progress
  let intent: PushIntent | null = null
  const intend = (intended: PushIntent) => {
    intent = intended
    return progress.intend(intended)
  }
  const context: BuilderContext = { log: all.log, signal, step, intend, host, goOn }
  let built: Built
  try {
    built = await builder.run(job, context)
  } catch (error) {
    if (isStop(error, 'claim-lost')) {
      await leave(all, builder)
      throw error
    }
    const pushing = progress.steps().some(({ name, earlier }) => name === 'push' && !earlier)
    const isCancelled = isStop(signal.reason, 'cancelled')
    const known = intent ?? claim.intent
    await Promise.all([
      clean(all, builder),
      pushing && unstageAll(all, signal.aborted ? stagedAfterStop : stagedSeconds),
      known && isCancelled && recordIfPushed(all, known),
    ])
    if (error instanceof BuildElsewhere) orLater(all)(error)
    // The registry may have taken it, and gone before it said so.
    const found = intent && !signal.aborted && describeError(error).retryable ? await askPushed(all, intent) : null
    if (!found) throw error
    return found
  }
  await clean(all, builder)
  return built
}

async function clean(all: Attempt, builder: Builder): Promise<void> {
  const { claim, dir, log, progress } = all
  const stop = progress.signal
  try {
    await progress.step('cleanup', (limit) =>
      cleanUp(builder, { id: claim.id, dir }, { stop, limit, unheard: unheard(all) }),
    )
  } catch (error) {
    if (isStop(error, 'claim-lost')) {
      await leave(all, builder)
      throw error
    }
    log.write(`[cleanup: ${describeError(error).message}]\n`)
  }
  await wipe(all)
}

const lostMs = 30_000

/** What is ours alone goes, though the build is another's by now. */
async function leave(all: Attempt, builder: Builder): Promise<void> {
  const { claim, dir } = all
  await builder.cleanLost?.({ id: claim.id, dir }, AbortSignal.timeout(lostMs)).catch(unheard(all))
  await wipe(all)
}

async function wipe(all: Attempt): Promise<void> {
  await removeWorkDir(all.dir)
  // What took no notice of its end may still write there.
  all.progress
    .unfinished()
    ?.then(() => rm(all.dir, { recursive: true, force: true }))
    .catch(unheard(all))
}

const unheard =
  ({ d, claim }: Attempt) =>
  (err: unknown): void =>
    d.log.warn({ err, build: claim.id }, 'could not clean up after a build that was stopped')
