import type { OwnPush, PlanCause } from './assemble-plan.ts'
import { ownPushOf } from './root-of.ts'

type Around = {
  /** seconds */
  settle: number
  pushes: ReadonlyMap<string, OwnPush>
  headSince: (base: string) => Date | null
  isComplete: (base: string) => boolean
}

/**
 * When all bases that moved have stayed put long enough; null = nothing to wait for. What our own builds push does not wait, nor does
 * a base that was pushed platform by platform once it has all that its predecessor had. A base that moves on, or back, begins anew:
 * its head came later, or there is no cause any more.
 */
export function settledAt(
  causes: readonly PlanCause[],
  { settle, pushes, headSince, isComplete }: Around,
): Date | null {
  const ends = causes
    .filter((cause) => !ownPushOf(cause, pushes) && !isComplete(cause.base))
    .flatMap((cause) => headSince(cause.base) ?? [])
    .map((since) => since.getTime() + settle * 1000)
  return ends.length === 0 ? null : new Date(Math.max(...ends))
}

/**
 * Whether a tag that was pushed platform by platform is whole again. `heads`: the platforms of its heads, newest first. Back to the
 * first of the pushes that only added platforms, none was missing what stands now; the head before that one had some which it lacked.
 */
export function isWholeAgain(heads: readonly ReadonlySet<string>[]): boolean {
  const [now] = heads
  if (!now) return false
  let first = 0
  while (first + 1 < heads.length && isPartOf(heads[first + 1]!, heads[first]!)) first++
  const before = heads[first + 1]
  return first > 0 && before !== undefined && isWithin(before, now) && !isWithin(before, heads[first]!)
}

const isWithin = (some: ReadonlySet<string>, all: ReadonlySet<string>): boolean =>
  [...some].every((one) => all.has(one))
const isPartOf = (some: ReadonlySet<string>, all: ReadonlySet<string>): boolean =>
  some.size < all.size && isWithin(some, all)
