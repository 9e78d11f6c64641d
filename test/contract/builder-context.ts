import type { BuilderContext, StepName } from '../../src/build/builders/builder.ts'
import { makeMask } from '../../src/build/mask.ts'

/** What a test sees of a build, and ends it by. */
export type Seen = { log: string; stop: AbortController; at: StepName | null; ended: boolean }

/** As a worker's: each step has a limit beside the end of the whole, and what is written goes through a mask. */
export function contextOf(seen: Seen, limits: Partial<Record<StepName, AbortSignal>>): BuilderContext {
  const mask = makeMask()
  return {
    log: {
      write: (text) => {
        seen.log += mask.feed(text)
      },
      hide: (secret, username) => mask.add(secret, username),
    },
    signal: seen.stop.signal,
    async step(name, work) {
      const signal = AbortSignal.any([seen.stop.signal, ...(limits[name] ? [limits[name]] : [])])
      signal.throwIfAborted()
      seen.at = name
      return work(signal).catch((error: unknown) => {
        throw signal.aborted ? signal.reason : error
      })
    },
    host: async () => undefined,
    intend: async () => seen.stop.signal.throwIfAborted(),
  }
}
