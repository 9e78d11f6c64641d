/**
 * In: a configured source of people. Out: what it says, in place of what it said before, and what follows from it (merge-people.ts).
 * Guarantees: all of one reading or nothing; a source that fails, or suddenly has lost most of its people, changes nothing but its own row.
 */
import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { lockPeople } from './merge-people.ts'
import { listed } from './sources/snapshot-of.ts'
import { type Snapshot, SourceError, usualLimits } from './sources/source.ts'
import { peopleSource } from './sources/sources.ts'
import { type Loss, lossOf, takeOver } from './take-over.ts'

type Needs = Pick<Deps, 'sql' | 'jobs' | 'clock' | 'config' | 'log'>
/** `believe`: whoever asked for it says that it is right that many are gone. */
export type SyncWish = { source: string; believe?: boolean }
export type Outcome = 'synchronised' | 'failed' | 'held' | 'no-such-source'

/** So few may all go at once. */
const fewest = 10
/** Where sources are read on demand alone, a second reading is believed after so many ms. */
const leastInterval = 60_000

/** Reads one source and takes over what it says. Failing is an outcome, kept with the source; only our own database's errors are thrown. */
export async function syncPeople(
  d: Needs,
  { source, believe = false }: SyncWish,
  signal: AbortSignal,
  limits = usualLimits,
): Promise<Outcome> {
  const config = d.config.peopleSources.find(({ name }) => name === source)
  if (!config) return 'no-such-source'
  const log = d.log.child({ source, kind: config.kind })
  const snapshot = await peopleSource(config, d.config.registries, limits)
    .read(signal)
    .catch((error: unknown) => {
      signal.throwIfAborted()
      if (error instanceof SourceError) return error
      throw error
    })
  const now = d.clock()
  if (snapshot instanceof SourceError) {
    const error = { code: snapshot.code, message: snapshot.message }
    await d.sql`
      update people_source set tried_at = ${now}, error = ${JSON.stringify(error)}::text::jsonb where name = ${source}`
    log.warn({ err: snapshot }, 'a source of people could not be read: what it said last holds on')
    return 'failed'
  }
  const outcome = await d.sql.begin((tx) => take(d, tx, source, snapshot, { now, believe }))
  if (outcome === 'held') log.warn('a source of people has lost most of them: held until it says so again')
  else log.info({ people: snapshot.people.length, members: snapshot.members.length }, 'synchronised people')
  return outcome
}

async function take(
  d: Needs,
  tx: Tx,
  source: string,
  snapshot: Snapshot,
  { now, believe }: { now: Date; believe: boolean },
): Promise<Outcome> {
  await lockPeople(tx)
  const [known] = await tx<{ shrunkAt: Date | null; first: boolean }[]>`
    select shrunk_at, synced_at is null as first from people_source where name = ${source} for update`
  // removed from the configuration of another process since
  if (!known) return 'no-such-source'
  const loss = await lossOf(tx, source, snapshot)
  const lost = !believe && !known.first && (isMost(loss.people) || isMost(loss.members))
  if (lost && !isDue(known.shrunkAt, now, d.config.peopleInterval)) {
    const error = JSON.stringify({ code: 'shrunk', message: shrinking(loss) })
    await tx`
      update people_source set tried_at = ${now}, shrunk_at = coalesce(shrunk_at, ${now}), error = ${error}::text::jsonb
      where name = ${source}`
    return 'held'
  }
  const changed = await takeOver(tx, source, snapshot)
  const notes = [...snapshot.notes, ...(await strangers(tx, source))]
  const counts = JSON.stringify({
    namespaces: snapshot.namespaces.length,
    people: snapshot.people.length,
    members: snapshot.members.length,
    rules: snapshot.rules.length,
  })
  await tx`
    update people_source set tried_at = ${now}, synced_at = ${now}, error = null, shrunk_at = null, notes = ${notes},
      counts = ${counts}::text::jsonb
    where name = ${source}`
  // who has come hears of what is outdated already
  if (changed) await d.jobs.enqueue(tx, 'notify', {}, { key: 'notify', queue: 'notify' })
  return 'synchronised'
}

const isMost = ({ before, gone }: Loss): boolean => before >= fewest && gone * 2 > before

/** A job starts a little early or late; a clock that was set back believes nothing sooner. */
const isDue = (since: Date | null, now: Date, interval: number): boolean =>
  since !== null && now.getTime() - since.getTime() >= Math.max(interval * 900, leastInterval)

const shrinking = ({ people, members }: { people: Loss; members: Loss }): string =>
  `it lacks ${people.gone} of ${people.before} people and ${members.gone} of ${members.before} roles that it named before: held until it says so again`

/** Of whom it speaks, and nobody says that there is such a person: a slip of the pen, most likely. */
async function strangers(tx: Tx, source: string): Promise<string[]> {
  const rows = await tx<{ name: string }[]>`
    select distinct name from (
      select user_name as name from member_said where source = ${source}
      union all select unnest(users) from owner_rule where source = ${source}) as named
    where not exists (select from person p where p.name = named.name) order by name`
  return listed(
    'nobody is called so, in any source',
    rows.map(({ name }) => name),
  )
}
