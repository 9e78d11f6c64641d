import type { Deps } from '../deps.ts'
import { markAll } from './mark-shown.ts'
import { trustedHours } from './note-shown.ts'
import { byIndex, scannedTags } from './scanned-image.ts'
import type { Shown } from './shown.ts'
import { queuePortus } from './who-asks.ts'

type Needs = Pick<Deps, 'sql' | 'clock' | 'config' | 'jobs'>

/** What is noted as it was noted so lately is not written anew. */
const freshHours = 1

/**
 * What Portus was answered with when it asked for this top layer: of each tag of ours a hash (shown.ts), "" = nothing; null: that is not
 * known. Kept where there is, or was, something. Where its tags are at several digests, Portus came for one of these and shows the answer there
 * alone: it counts at those that it was asked to look at for just that since it last counted there, and the others are asked for. What is not as was found out last is marked.
 */
export async function noteAnswered(d: Needs, name: string, shown: Shown | null): Promise<void> {
  if (shown === null) return noteUnanswered(d, name)
  if (shown.of.size === 0) return
  const now = d.clock()
  const told = d.sql`unnest(${[...shown.of.keys()]}::text[], ${[...shown.of.values()]}::text[]) as told (ref, answered)`
  const isMarking = d.sql`exists (select from portus_sweep)`
  await d.sql`
    with fresh as (
      insert into portus_look (ref, next_at) select ref, ${now}::timestamptz from ${told} where answered <> '' order by ref
      on conflict do nothing returning ref
    )
    insert into portus_mark (kind, key) select 'tag', ref from fresh where ${isMarking}`
  await d.sql`
    with known as (
      select l.ref, told.answered from ${told} join portus_look l on l.ref = told.ref order by l.ref for update of l
    ), noted as (
      update portus_look l set answered = known.answered, answered_at = ${now}::timestamptz, tries = 0,
        next_at = ${now}::timestamptz + make_interval(hours => case when known.answered = l.wanted then ${trustedHours} else 0 end)
      from known where l.ref = known.ref and (${shown.alone} or (l.shown = known.answered and l.asked_at > coalesce(l.answered_at, 'epoch')))
        and (l.answered is distinct from known.answered or l.tries > 0
          or (l.answered_at between ${now}::timestamptz - make_interval(hours => ${freshHours}) and ${now}) is not true)
      returning l.ref, l.answered <> l.wanted as odd
    )
    insert into portus_mark (kind, key) select 'tag', ref from noted where odd and ${isMarking}`
}

/** The question for this top layer got an error, which Portus takes for nothing: its tags are not shown as outdated any more. */
export async function noteUnanswered(d: Needs, name: string): Promise<void> {
  const refs = (await byIndex(d.sql, (tx) => scannedTags(tx, name))).map(({ ref }) => ref)
  await d.sql`
    update portus_look set answered = null, next_at = case when answered = wanted then ${d.clock()} else next_at end
    where ref = any(${refs}::text[])`
  await d.sql`update clair_look set told = null where name = ${name}`
  await queuePortus(d)
}

/**
 * Whatever Portus shows is not known any more: all of it is asked for again, at the usual pace, after that of which it was last answered
 * something else; and it is found out anew what there is to be shown. At a start, and where too much was lost.
 */
export async function forgetAnswers(d: Needs): Promise<void> {
  const now = d.clock()
  await d.sql`update portus_look set answered_at = 'epoch', next_at = ${now}`
  await d.sql`update clair_look set told = null, next_at = ${now}`
  await markAll(d.sql)
  await queuePortus(d, new Date(now.getTime() + untilListeningMs))
}

/** Portus looks again within ten seconds of being asked: we had better be there by then. */
const untilListeningMs = 3000
