/**
 * In: a configured source of people. Out: what it says, in place of what it said before, and what follows from it (merge-people.ts).
 * Guarantees: all of one reading or nothing; a source that fails, or suddenly has lost most of what it said, changes nothing but its own row.
 */
import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { holdLast } from './hold-last.ts'
import { lossOf } from './loss-of.ts'
import { lockPeople } from './merge-people.ts'
import { otherRegistries } from './other-registries.ts'
import { forgetLeftOver } from './people-sources.ts'
import { heldSince, isDue, shrinking } from './shrinking.ts'
import { listed } from './sources/snapshot-of.ts'
import { type Lacking, type Snapshot, SourceError, told, usualLimits } from './sources/source.ts'
import { peopleSource } from './sources/sources.ts'
import { takeOver } from './take-over.ts'

type Needs = Pick<Deps, 'sql' | 'jobs' | 'clock' | 'config' | 'log'>
/** `believe`: whoever asked for it says that it is right that many are gone. */
export type SyncWish = { source: string; believe?: boolean }
/** `other-registries`: of the last start that had any; the process that serves those reads the source. */
export type Outcome = 'synchronised' | 'failed' | 'held' | 'no-such-source' | 'other-registries'
/** `lacks`: of what is held, what it lacks (shrinking.ts). */
type Why = { code: string; message: string; lacks?: string }

/**
 * Reads one source and takes over what it says. Failing is an outcome, kept with the source. Thrown are our own database's errors alone, and
 * they are kept with the source too, where it can be told.
 */
export async function syncPeople(
  d: Needs,
  { source, believe = false }: SyncWish,
  signal: AbortSignal,
  limits = usualLimits,
): Promise<Outcome> {
  const config = d.config.peopleSources.find(({ name }) => name === source)
  if (!config) return 'no-such-source'
  const log = d.log.child({ source, kind: config.kind })
  try {
    const snapshot = await peopleSource(config, d.config.registries, limits, d.clock).read(signal)
    const { outcome, anew } = await d.sql.begin((tx) => take(d, tx, source, snapshot, { now: d.clock(), believe }))
    if (outcome === 'other-registries')
      log.warn('a source of people is not taken over: Drydock was started with other registries since')
    else if (outcome === 'held')
      log.warn('a source of people has lost most of what it said: held until it says so again')
    else log.info({ people: snapshot.people.length, members: snapshot.members.length }, 'synchronised people')
    if (anew.length > 0)
      log.info(
        { count: anew.length, names: anew.slice(0, 20) },
        'names that nobody said for long are said again: they begin anew',
      )
    return outcome
  } catch (error) {
    signal.throwIfAborted()
    const failed = error instanceof SourceError
    const message = error instanceof Error ? error.message : String(error)
    const why = { code: failed ? error.code : 'not-taken-over', message }
    await tell(d.sql, source, { now: d.clock(), shrunkAt: null }, why).catch((also: unknown) =>
      log.warn({ err: also }, 'why a source of people was not taken over could not be kept'),
    )
    if (!failed) throw error
    log.warn({ err: error }, 'a source of people could not be read: what it said last holds on')
    return 'failed'
  }
}

/** `shrunkAt`: since when it has been held; null where it is not. */
const tell = async (
  sql: Deps['sql'] | Tx,
  source: string,
  { now, shrunkAt }: { now: Date; shrunkAt: Date | null },
  why: Why,
): Promise<void> =>
  void (await sql`
    update people_source set tried_at = ${now}, shrunk_at = ${shrunkAt},
      error = ${JSON.stringify({ ...why, message: told(why.message) })}::text::jsonb
    where name = ${source}`)

async function take(
  d: Needs,
  tx: Tx,
  source: string,
  read: Snapshot,
  { now, believe }: { now: Date; believe: boolean },
): Promise<{ outcome: Outcome; anew: string[] }> {
  await lockPeople(tx)
  if ((await otherRegistries(tx, d.config)) !== null) return { outcome: 'other-registries', anew: [] }
  const [known] = await tx<{ since: Date | null; lacks: string | null; first: boolean }[]>`
    select shrunk_at as since, error ->> 'lacks' as lacks, synced_at is null as first from people_source where name = ${source} for update`
  // removed from the configuration of another process since
  if (!known) return { outcome: 'no-such-source', anew: [] }
  const snapshot = await holdLast(tx, source, read)
  const losses = await lossOf(tx, source, snapshot)
  const had: Record<Lacking['what'], number> = {
    people: losses.people.before,
    names: losses.addresses.before + losses.admins.before,
    namespaces: losses.namespaces.before,
    roles: losses.roles.before,
  }
  const lacking = believe ? undefined : read.lacking?.find(({ what }) => had[what] > 0)
  if (lacking) throw new SourceError(lacking.code, lacking.message)
  const shrunk = believe || known.first ? null : shrinking(losses)
  if (shrunk !== null) {
    const { since, lacks } = known
    const shrunkAt = heldSince(since && lacks !== null ? { since, lacks } : null, shrunk.lacks, now)
    if (!isDue(shrunkAt, now, d.config.peopleInterval)) {
      await tell(tx, source, { now, shrunkAt }, { code: 'shrunk', ...shrunk })
      return { outcome: 'held', anew: [] }
    }
  }
  const { changed, anew } = await takeOver(tx, source, snapshot)
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
  const forgotten = known.first ? await forgetLeftOver(d, tx) : []
  // who has come hears of what is outdated already
  if (changed || forgotten.length > 0) await d.jobs.enqueue(tx, 'notify', {}, { key: 'notify', queue: 'notify' })
  return { outcome: 'synchronised', anew }
}

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
