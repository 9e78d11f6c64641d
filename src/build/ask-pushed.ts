import { type Attempt, orLater } from './attempt.ts'
import { describeError } from './build-error.ts'
import type { Built, PushIntent } from './builders/builder.ts'
import { throughOutage } from './through-outage.ts'

/** Whether the tag is at what was about to be pushed. A registry that cannot be asked now is asked later. */
export async function askPushed(all: Attempt, intent: PushIntent): Promise<Built | null> {
  return found(all, intent, all.progress.signal).catch(orLater(all))
}

/** Seconds; beside the clean-up of a build that is to end within five. */
const cancelledSeconds = 1.4

/**
 * Of a build that was cancelled after it had said what it pushes: the registry is asked once, and what the tag is at by now is recorded, so that
 * nobody takes the build's own push for a stranger's. The end never depends on it.
 */
export async function recordIfPushed(all: Attempt, intent: PushIntent): Promise<void> {
  const { course, claim, log } = all
  try {
    const built = await found(all, intent, AbortSignal.timeout(cancelledSeconds * 1000))
    if (!built) return
    await throughOutage(() => course.record(claim, built), { forMs: cancelledSeconds * 1000 })
    log.write(`[it had pushed ${built.digest} before it was cancelled]\n`)
  } catch (error) {
    log.write(`[whether it had pushed is not known: ${describeError(error, log.masked).message}]\n`)
  }
}

async function found(all: Attempt, intent: PushIntent, signal: AbortSignal): Promise<Built | null> {
  const { content, bases, commit } = intent
  if (content === null) return null
  const digest = await all.course.findPushed(all.claim, all.target, content, signal)
  return digest && { digest, bases, commit }
}
