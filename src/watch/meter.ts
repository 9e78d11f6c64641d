import { pause } from '../registry/abortable.ts'
import type { Meter } from '../registry/outside.ts'
import { pauseTold } from '../registry/rate-limit.ts'
import { RegistryError } from '../registry/registry-error.ts'
import { makeBudget } from './budget.ts'

/** What a registry outside has been asked, and whether it wants to be left alone. */
export type HostMeter = Meter & {
  /** True where another question may be put at once. */
  ready: () => boolean
  /** Not to be asked before then, because it said so; null = it did not. */
  pausedUntil: () => Date | null
  /** When our own budget is whole again. */
  spentUntil: () => Date
}

/** Milliseconds that are waited for in the middle of something; beyond them it is broken off. */
const shortWait = 30_000

export function makeMeter(clock: () => Date, perMinute: number, spentUntil: Date | null): HostMeter {
  const budget = makeBudget(perMinute, spentUntil)
  let paused: Date | null = null
  const left = () => (paused ? Math.max(0, paused.getTime() - clock().getTime()) : 0)
  return {
    async take() {
      const wait = left()
      if (wait > shortWait)
        throw new RegistryError('rate-limited', 'the registry wants to be left alone', { retryAfter: wait })
      await pause(Math.max(wait, budget.take(clock())), undefined)
    },
    told(answer) {
      const now = clock()
      const wait = pauseTold(answer, now)
      if (wait === null) return
      const until = new Date(now.getTime() + wait)
      if (!paused || until > paused) paused = until
    },
    ready: () => left() === 0 && budget.ready(clock()),
    pausedUntil: () => paused,
    spentUntil: budget.wholeAt,
  }
}
