import type { Deps } from '../deps.ts'
import { byIndex, scannedTags } from './scanned-image.ts'
import { queuePortus } from './who-asks.ts'

type Needs = Pick<Deps, 'sql' | 'clock' | 'config' | 'jobs'>

/** What is noted as it was noted so lately is not written anew. */
const freshHours = 1

/**
 * What Portus was answered with when it asked for this top layer: of each tag of ours a hash (shown.ts), "" = nothing; null: that is not
 * known. Kept where there is, or was, something.
 */
export async function noteAnswered(d: Needs, name: string, shown: ReadonlyMap<string, string> | null): Promise<void> {
  if (shown === null) return noteUnanswered(d, name)
  if (shown.size === 0) return
  const now = d.clock()
  await d.sql`
    insert into portus_look as l (ref, answered, answered_at, next_at)
    select ref, answered, ${now}::timestamptz, ${now}::timestamptz
    from unnest(${[...shown.keys()]}::text[], ${[...shown.values()]}::text[]) as told (ref, answered)
    where answered <> '' or exists (select from portus_look l where l.ref = told.ref)
    on conflict (ref) do update set answered = excluded.answered, answered_at = excluded.answered_at, tries = 0, next_at = excluded.next_at
    where l.answered is distinct from excluded.answered or l.tries > 0
      or (l.answered_at between ${now}::timestamptz - make_interval(hours => ${freshHours}) and ${now}) is not true`
}

/** The question for this top layer got an error, which Portus takes for nothing: its tags are not shown as outdated any more. */
export async function noteUnanswered(d: Needs, name: string): Promise<void> {
  const refs = (await byIndex(d.sql, (tx) => scannedTags(tx, name))).map(({ ref }) => ref)
  await d.sql`update portus_look set answered = null where ref = any(${refs}::text[])`
  await d.sql`update clair_look set told = null where name = ${name}`
  await queuePortus(d)
}

/**
 * Whatever Portus shows is not known any more: all of it is asked for again, at the usual pace, after that of which it was last answered
 * something else. At a start, and where too much was lost.
 */
export async function forgetAnswers(d: Needs): Promise<void> {
  const now = d.clock()
  await d.sql`update portus_look set answered_at = 'epoch', next_at = ${now}`
  await d.sql`update clair_look set told = null, next_at = ${now}`
  await queuePortus(d, new Date(now.getTime() + untilListeningMs))
}

/** Portus looks again within ten seconds of being asked: we had better be there by then. */
const untilListeningMs = 3000
