import type { Fragment, Sql, Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { nothingFound } from './clair-findings.ts'
import { trustedHours } from './note-shown.ts'
import { byIndex } from './scanned-image.ts'

/** A tag that Portus is to look at. `shown`: hash of what there is to be shown, "" nothing. */
export type DueTag = { ref: string; registry: string; repository: string; tag: string; shown: string }
/** A top layer in which a real Clair found what Portus was not told, or that it is to be given again. */
export type DueLayer = { registry: string; repository: string; name: string }
type Needs = Pick<Deps, 'sql' | 'clock' | 'config'>

/** A first asking is repeated after this, each further one after twice as long, up to a day. */
const firstWaitSeconds = 60
/** Nothing is put off for longer than a day: what is, was noted by a clock that was ahead. */
const farOff = '2 days'
/** SQL: it is time to ask Clair. */
export const isFetchDue = ({ sql, clock }: Pick<Deps, 'sql' | 'clock'>) =>
  sql`(fetch_at <= ${clock()} or fetch_at > ${clock()}::timestamptz + ${farOff}::interval)`
const waited = (d: Needs, tries: 'tries' | 'l.tries') =>
  d.sql`${d.clock()}::timestamptz + make_interval(secs => least(86400, ${firstWaitSeconds} * 2 ^ least(${d.sql.unsafe(tries)}, 11)))`

/** SQL: of what `rows` selects, whose time it is: those that wait longest first. Each of the two by an index over next_at. */
const firstDue = (sql: Sql | Tx, now: Date, rows: Fragment, most: number): Fragment => sql`
  (${rows} and next_at <= ${now} order by next_at limit ${most})
  union all (${rows} and next_at > ${now}::timestamptz + ${farOff}::interval order by next_at limit ${most})`

/**
 * SQL: (ref, shown) of what is due, of each registry so many rows at most of what was answered something else (portus_look_changed_idx), and of
 * what was answered so a long time ago (portus_look_same_idx): the former first, of each those that wait longest.
 */
export const dueTagsSql = (sql: Sql | Tx, now: Date, hosts: readonly string[], most: number): Fragment => sql`
  select due.ref, due.wanted as shown from unnest(${[...hosts]}::text[]) host (name) cross join lateral (
    ${firstDue(sql, now, sql`select ref, wanted, next_at, 0 as turn from portus_look where split_part(ref, '/', 1) = host.name and answered is distinct from wanted`, most)}
    union all
    ${firstDue(sql, now, sql`select ref, wanted, next_at, 1 from portus_look where split_part(ref, '/', 1) = host.name and answered is not distinct from wanted and wanted <> ''`, most)}
  ) due order by due.turn, due.next_at, due.ref limit ${most}`

/** Tags of which Portus may show something else than there is, as far as that was found out (note-shown.ts). */
export async function dueTags(d: Needs, most: number): Promise<DueTag[]> {
  const rows = await byIndex(d.sql, async (tx) => {
    const hosts = await hostsOf(tx, d)
    return tx<{ ref: string; shown: string }[]>`${dueTagsSql(tx, d.clock(), hosts, most)}`
  })
  return rows.map(({ ref, shown }) => ({ ref, shown, ...partsOf(ref) }))
}

/** Refs are canonical: host/repository:tag. */
const partsOf = (ref: string): { registry: string; repository: string; tag: string } => {
  const [slash, colon] = [ref.indexOf('/'), ref.lastIndexOf(':')]
  return { registry: ref.slice(0, slash), repository: ref.slice(slash + 1, colon), tag: ref.slice(colon + 1) }
}

/**
 * The registries that Portus is of, as far as is known: what was said, or those of which it ever told us, or any; but none that is configured
 * no more: Portus has another of that name there, or tells nobody here of it.
 */
async function hostsOf(sql: Tx, { config }: Pick<Needs, 'config'>): Promise<string[]> {
  const isTold = sql`exists (select from repository r join scanned_layer l on l.repository_id = r.id where r.registry_id = g.id)`
  const rows = await sql<{ name: string; told: boolean }[]>`
    select name, ${config.registries.length < 2 ? sql`true` : isTold} as told from registry g where not outside and not gone`
  const told = rows.filter((row) => row.told)
  const names = (told.length > 0 ? told : rows).map(({ name }) => name)
  return config.portusRegistry === null
    ? names
    : rows.map(({ name }) => name).filter((name) => name === config.portusRegistry)
}

/** Portus was asked to look at them, or does not know them and will look at them by itself once it does. */
export async function noteAsked(d: Needs, tags: readonly DueTag[]): Promise<void> {
  const now = d.clock()
  const [refs, shown] = [tags.map(({ ref }) => ref), tags.map((tag) => tag.shown)]
  // Portus may have come before this is written
  const answered = d.sql`
    case when l.answered = excluded.shown and l.answered_at <= ${now} then l.answered_at + make_interval(hours => ${trustedHours}) end`
  await d.sql`
    insert into portus_look as l (ref, wanted, shown, asked_at, next_at, tries)
    select ref, shown, shown, ${now}::timestamptz, ${now}::timestamptz + make_interval(secs => ${firstWaitSeconds}), 1
    from unnest(${refs}::text[], ${shown}::text[]) as asked (ref, shown) order by ref
    on conflict (ref) do update set shown = excluded.shown, asked_at = excluded.asked_at,
      tries = case when l.shown = excluded.shown then l.tries + 1 else 1 end,
      next_at = greatest(${answered}, case when l.shown = excluded.shown then ${waited(d, 'l.tries')} else excluded.next_at end)`
}

/** Of what is shown no more and is not there in Portus either, nothing is kept. */
export const forgetTags = async (d: Needs, refs: readonly string[]): Promise<void> =>
  void (await d.sql`delete from portus_look where ref = any(${[...refs]}::text[])`)

/** Of what was answered with nothing, and has nothing, nothing is kept (portus_look_nothing_idx). */
export const tidyLooks = async (d: Needs): Promise<void> =>
  void (await d.sql`delete from portus_look where answered = '' and wanted = ''`)

/** What Clair found and Portus was not told, or that is to be posted again: by clair_look_untold_idx. */
export const dueLayers = (d: Needs, most: number): Promise<DueLayer[]> =>
  byIndex(d.sql, (tx) => {
    // written out, as the index has it
    const untold = tx`(coalesce(told, ${tx.unsafe(`'${nothingFound.hash}'`)}) <> found or fetch_tries > 0)`
    const rows = tx`select registry, repository, name, next_at from clair_look where registry = host.name and ${untold}`
    return tx<DueLayer[]>`
      select due.registry, due.repository, due.name from registry host cross join lateral (${firstDue(tx, d.clock(), rows, most)}) due
      where not host.outside and not host.gone order by due.next_at, due.name limit ${most}`
  })

export async function noteAskedLayers(d: Needs, layers: readonly DueLayer[]): Promise<void> {
  for (const { registry, repository, name } of layers)
    await d.sql`
      update clair_look set asked_at = ${d.clock()}, tries = tries + 1, next_at = ${waited(d, 'tries')}
      where name = ${name} and registry = ${registry} and repository = ${repository}`
}
