import { setTimeout as delay } from 'node:timers/promises'
import { BuildError } from './build-error.ts'
import type { Builder, BuildJob } from './builders/builder.ts'

/** With the time it takes to end what runs, a cancelled build ends within 5 s of being asked to. */
const patienceMs = 1500

/**
 * Has the builder clean up and waits for it. Once `stop` has come, and the builder allows, it is waited for only a little longer and then
 * goes on beside (`unheard` gets its failure): a cancel waits neither for a daemon that hangs nor for a cloud. Error: `cleanup-unfinished`.
 */
export async function cleanUp(
  builder: Pick<Builder, 'clean' | 'cleansOnAfterStop'>,
  job: Pick<BuildJob, 'id' | 'dir'>,
  { stop, limit, unheard }: { stop: AbortSignal; limit: AbortSignal; unheard: (error: unknown) => void },
): Promise<void> {
  const cleaning = builder.clean(job, limit)
  if (!builder.cleansOnAfterStop) return cleaning
  const over = new AbortController()
  const late = Symbol('late')
  const patience = async () => {
    await aborted(AbortSignal.any([stop, over.signal]))
    await delay(patienceMs, undefined, { signal: over.signal }).catch(() => undefined)
    return late
  }
  try {
    if ((await Promise.race([cleaning, patience()])) !== late) return
  } finally {
    over.abort()
  }
  cleaning.catch(unheard)
  throw new BuildError('cleanup-unfinished', 'it goes on after the end of the build')
}

const aborted = (signal: AbortSignal): Promise<unknown> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve(null)
    else signal.addEventListener('abort', resolve, { once: true })
  })
