/**
 * In: what a source said last and says no more. Out: whether that is believed.
 * Guarantees: pure; what has emptied a kind, or taken most of many, is believed when it is said again an interval later, whatever the clock does meanwhile.
 */

/** How many there were, how many of these are gone, and how many there are now. `which`: a digest of those that are gone. */
export type Loss = { before: number; gone: number; now: number; which: string }
/** `enabled`: people who may sign in; `visibilities`: namespaces of which one is said; `owners`: whom owner rules name, once a rule. */
export const lossKinds = [
  ...(['people', 'enabled', 'addresses', 'admins', 'roles'] as const),
  ...(['namespaces', 'visibilities', 'rules', 'owners'] as const),
]
export type LossKind = (typeof lossKinds)[number]
export type Losses = Record<LossKind, Loss>

/** Fewer may go at once, while one is left. */
const many = 10
/** Where sources are read on demand alone, a second reading is believed after so many ms. */
const leastInterval = 60_000

const isTooMuch = ({ before, gone, now }: Loss): boolean =>
  before > 0 && (now === 0 || (before >= many && gone * 2 > before))

/** What is wrong, in `message`: which kinds are emptied or most of which are gone; null where none is. `lacks`: a digest of what is gone of these. */
export function shrinking(losses: Losses): { message: string; lacks: string } | null {
  const short = lossKinds.filter((kind) => isTooMuch(losses[kind]))
  if (short.length === 0) return null
  const gone = lossKinds.filter((kind) => losses[kind].gone > 0)
  const lost = gone.map((kind) => `${losses[kind].gone} of ${losses[kind].before} ${inWords(kind)}`)
  return {
    message: `it lacks ${lost.join(', ')} that it named before: held until it says so again`,
    lacks: short.map((kind) => `${kind}:${losses[kind].which}`).join(' '),
  }
}

const inWords = (kind: LossKind): string => (kind === 'enabled' ? 'enabled people' : kind)

/** How a source is held: since when, and what it lacked then. */
export type Held = { since: Date; lacks: string }

/** Since when it has been held for lacking this: an instant to come, of a clock that was set back, is now. */
export const heldSince = (held: Held | null, lacks: string, now: Date): Date =>
  held === null || held.lacks !== lacks || held.since.getTime() > now.getTime() ? now : held.since

/** Whether it has been held for long enough to be believed; a job starts a little early or late. `interval`: seconds. */
export const isDue = (since: Date, now: Date, interval: number): boolean =>
  now.getTime() - since.getTime() >= Math.max(interval * 900, leastInterval)
