import type { OwnPush, PlanCause, PlanTag } from './assemble-plan.ts'
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

/** What a tag pointed at; `left`: when it ceased to, null where it has not. */
export type Head = { platforms: ReadonlySet<string>; left: Date | null }

/** A platform that a base had and has no more; at `until` nobody waits any longer for it to come back. */
export type Lack = { platform: string; until: Date }

/** So long one is taken to be on its way: a slow machine builds it, or a person pushes it. After that it was dropped on purpose. */
export const lackedAtMost = 2 * 3600

/**
 * What a base that stands since `since` lacks of what its heads before had, newest first. Where it is not known what the present one
 * holds, nothing. `since` bounds the registry's times, whose clock may be ahead.
 */
export function lacksOf([now, ...before]: readonly Head[], since: Date | null): Lack[] {
  if (!now || now.platforms.size === 0) return []
  const lacks = new Map<string, Lack>()
  for (const { platforms, left } of before)
    for (const platform of platforms) {
      const at = Math.min(left?.getTime() ?? Number.POSITIVE_INFINITY, since?.getTime() ?? Number.POSITIVE_INFINITY)
      if (now.platforms.has(platform) || lacks.has(platform) || !Number.isFinite(at)) continue
      lacks.set(platform, { platform, until: new Date(at + lackedAtMost * 1000) })
    }
  return [...lacks.values()].sort((a, b) => (a.platform < b.platform ? -1 : 1))
}

type Lacked = Lack & { base: string }

/** Which platforms that a tag is built for its bases lack, and are waited for. What our own builds push is whole. */
export function lackedBy(
  tag: PlanTag,
  causes: readonly PlanCause[],
  { now, pushes, lacks }: Pick<Around, 'pushes'> & { now: Date; lacks: (base: string) => readonly Lack[] },
): Lacked[] {
  const own = new Set(causes.filter((cause) => ownPushOf(cause, pushes)).map(({ base }) => base))
  const bases = [...new Set([...tag.bases, ...causes.map(({ base }) => base)])].filter((base) => !own.has(base)).sort()
  return bases.flatMap((base) =>
    lacks(base)
      .filter(({ platform, until }) => until > now && isFor(tag.platforms ?? [], platform))
      .map((lack) => ({ ...lack, base })),
  )
}

/** Windows' are named without their version in recipes. */
const isFor = (wanted: readonly string[], platform: string): boolean => {
  const there = withoutRevision(platform)
  return wanted.map(withoutRevision).some((one) => there === one || there.startsWith(`${one};`))
}

/** Whether two sets of platforms have one in common; an empty one is not known, and may. */
export const mayShare = (some: readonly string[] = [], others: readonly string[] = []): boolean =>
  some.length === 0 ||
  others.length === 0 ||
  some.some((one) => isFor(others, one) || others.some((other) => isFor([one], other)))

/** Windows' bases come with a new revision each month, and are the same platform. */
export const withoutRevision = (platform: string): string =>
  platform.replace(/^(windows\/[^;]+;\d+\.\d+\.\d+)\.\d+$/, '$1')

const isWithin = (some: ReadonlySet<string>, all: ReadonlySet<string>): boolean =>
  [...some].every((one) => all.has(one))
const isPartOf = (some: ReadonlySet<string>, all: ReadonlySet<string>): boolean =>
  some.size < all.size && isWithin(some, all)
