import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { askPushed, recordIfPushed } from './ask-pushed.ts'
import { type Attempt, stagedSeconds, unstageAll } from './attempt.ts'
import { BuildError, describeError, isStop } from './build-error.ts'
import type { Builder, Built } from './builders/builder.ts'
import { endOrphans } from './orphans.ts'
import { workDirsOf } from './work-dir.ts'

/** So many workers may die at a build. One that goes on elsewhere kills no worker by itself: only where all too many died at following it. */
const mostDeaths = 3
const mostAttached = 20

const leftoverMs = 60_000
const cancelMs = 3000

/** Ends what a dead attempt left running and lying about, and finds out whether it had pushed. */
export async function afterCrash(all: Attempt, builder: Builder): Promise<Built | null> {
  const { claim, progress } = all
  if (!claim.takenOver) return null
  try {
    return await lookBack(all, builder)
  } catch (error) {
    if (isStop(progress.signal.reason, 'cancelled')) {
      await endElsewhere(all, builder)
      if (claim.intent) await recordIfPushed(all, claim.intent)
    }
    throw error
  }
}

/** What an earlier attempt sent to a build service is cancelled there, as far as that can be had in the time a cancel may take. */
async function endElsewhere({ claim, log }: Attempt, builder: Builder): Promise<void> {
  await builder.giveUp?.(claim.id, AbortSignal.timeout(cancelMs)).catch((error: unknown) => {
    log.write(
      `[it may go on at the build service, which could not be told: ${describeError(error, log.masked).message}]\n`,
    )
  })
}

async function lookBack(all: Attempt, builder: Builder): Promise<Built | null> {
  const { claim, log, progress } = all
  log.write('[an earlier attempt of this build was interrupted]\n')
  await progress
    .step('cleanup', (limit) =>
      removeLeftovers(all, builder, AbortSignal.any([progress.signal, limit, AbortSignal.timeout(leftoverMs)])),
    )
    .catch((error: unknown) => {
      progress.signal.throwIfAborted()
      log.write(`[what it left could not be removed: ${describeError(error).message}]\n`)
    })
  const found =
    claim.intent && (claim.pushed ? { ...claim.intent, digest: claim.pushed } : await askPushed(all, claim.intent))
  const isLast = claim.deaths >= (builder.giveUp ? mostAttached : mostDeaths)
  if (found || isLast) await unstageAll(all, stagedSeconds)
  if (!found && isLast) {
    await builder.giveUp?.(claim.id, progress.signal)
    throw new BuildError('worker-died', `${claim.deaths} workers died at this build (a lack of memory?)`)
  }
  if (!found || !claim.intent) return null
  log.write(`[it had pushed ${found.digest}]\n`)
  progress.goOn()
  await progress.intend(claim.intent)
  await progress.step('push', async () => undefined)
  return found
}

/** Programs, files, and what the builder has elsewhere, of attempts that are dead. */
async function removeLeftovers({ claim, dir }: Attempt, builder: Builder, signal: AbortSignal): Promise<void> {
  const dirs = await workDirsOf(claim)
  for (const left of dirs) {
    await endOrphans(left)
    await endOrphans(join(left, 'checkout'))
  }
  try {
    for (const left of dirs.length > 0 ? dirs : [dir]) await builder.clean({ id: claim.id, dir: left }, signal)
  } finally {
    for (const left of dirs) await rm(left, { recursive: true, force: true })
  }
}
