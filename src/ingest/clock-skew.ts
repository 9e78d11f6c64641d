import { type Instant, instantOf } from '../oci/instant.ts'

/** Two hosts that keep their time differ by less. A registry that is ahead by more cannot be told from one whose clock is wrong. */
const tolerance: Instant = 60_000_000_000n

/** Nanoseconds that what was brought back lies before the answer that brought it back; room for a million times. */
const before: Instant = 1_000_000n

/** True of a time that cannot be yet, however the clock it was taken from differs from the one that says `now`. */
export const isAhead = (at: Instant, now: Instant): boolean => at > now + tolerance

/**
 * Whether a time that an event brings can order it: neither when it came nor now is it yet to be. Both are asked, as the clock that says
 * when it came may have been ahead itself, and was set back since.
 */
export const ordersByItself = (at: Instant, receivedAt: Date, now: Date): boolean =>
  !isAhead(at, instantOf(receivedAt)) && !isAhead(at, instantOf(now))

/** What a registry was asked: its own time (`date` null: it tells none) and ours; and the latest change known before (null: none). */
export type Answered = { date: Date | null; now: Date; since: Instant | null }

/**
 * When what it answered counts as seen: at its own time, but not after ours, and after the last change known before. `backTo` set: that
 * change is yet to come by both clocks, so that it and all else of the tag from `backTo` on is to be brought back to then, in its order.
 */
export function seenAt({ date, now, since }: Answered): { at: Instant; backTo: Instant | null } {
  const ours = instantOf(now)
  const theirs = date && instantOf(date)
  const later = theirs !== null && theirs > ours ? theirs : ours
  if (theirs !== null && since !== null && isAhead(since, later)) return { at: later, backTo: later - before }
  const told = theirs === null || isAhead(theirs, ours) ? ours : theirs
  return { at: since !== null && told < since + before ? since + before : told, backTo: null }
}
