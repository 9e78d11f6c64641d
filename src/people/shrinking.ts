/**
 * In: what a source said last and says no more. Out: whether that is believed.
 * Guarantees: pure; what most of has gone at once is believed when it is said again an interval later, whatever the clock does meanwhile.
 */

/** How many there were, and how many of these are gone. */
export type Loss = { before: number; gone: number }
/** `owners`: whom owner rules name, once a rule. */
export type Losses = Record<'people' | 'addresses' | 'admins' | 'roles' | 'rules' | 'owners', Loss>

/** So few may all go at once. */
const fewest = 10
/** Where sources are read on demand alone, a second reading is believed after so many ms. */
const leastInterval = 60_000

const isMost = ({ before, gone }: Loss): boolean => before >= fewest && gone * 2 > before

/** What is wrong, in words: of which kinds most are gone; null where of none. */
export function shrinking(losses: Losses): string | null {
  if (!Object.values(losses).some(isMost)) return null
  const gone = Object.entries(losses).filter(([, loss]) => loss.gone > 0)
  const lacks = gone.map(([kind, loss]) => `${loss.gone} of ${loss.before} ${kind}`)
  return `it lacks ${lacks.join(', ')} that it named before: held until it says so again`
}

/** Since when it has been held: an instant to come, of a clock that was set back, is now. */
export const heldSince = (shrunkAt: Date | null, now: Date): Date =>
  shrunkAt === null || shrunkAt.getTime() > now.getTime() ? now : shrunkAt

/** Whether it has been held for long enough to be believed; a job starts a little early or late. `interval`: seconds. */
export const isDue = (shrunkAt: Date | null, now: Date, interval: number): boolean =>
  shrunkAt !== null && now.getTime() - shrunkAt.getTime() >= Math.max(interval * 900, leastInterval)
