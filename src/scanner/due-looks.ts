import type { Deps } from '../deps.ts'
import { nothingFound } from './clair-findings.ts'
import { flaggedSql } from './shown.ts'

/** A tag that Portus is to look at. `shown`: hash of what there is to be shown, "" nothing. */
export type DueTag = { ref: string; registry: string; repository: string; tag: string; shown: string }
/** A top layer in which a real Clair found what Portus was not told, or that it is to be given again. */
export type DueLayer = { registry: string; repository: string; name: string }
type Needs = Pick<Deps, 'sql' | 'clock' | 'config'>

/** What was answered so long ago is asked for again: Portus may have found nobody here since. */
const trustedHours = 24
/** A first asking is repeated after this, each further one after twice as long, up to a day. */
const firstWaitSeconds = 60
/** SQL: it is time for it; also where it was noted by a clock that was ahead: nothing is put off for longer than a day. */
export const dueSql = ({ sql, clock }: Pick<Deps, 'sql' | 'clock'>, at: 'l.next_at' | 'fetch_at') =>
  sql`(${sql.unsafe(at)} <= ${clock()} or ${sql.unsafe(at)} > ${clock()}::timestamptz + interval '2 days')`
const waited = (d: Needs, tries: 'tries' | 'l.tries') =>
  d.sql`${d.clock()}::timestamptz + make_interval(secs => least(86400, ${firstWaitSeconds} * 2 ^ least(${d.sql.unsafe(tries)}, 11)))`

/**
 * Tags of which Portus may show something else than there is, those asked for longest ago first; before them those of which it was answered
 * something else, rather than the same a long time ago.
 */
export async function dueTags(d: Needs, most: number): Promise<DueTag[]> {
  const now = d.clock()
  const registries = await portusRegistries(d)
  const rows = await d.sql<{ ref: string; shown: string }[]>`
    with flagged as (${flaggedSql(d.sql, d, d.sql`true`)})
    select coalesce(f.ref, l.ref) as ref, coalesce(f.shown, '') as shown from flagged f full join portus_look l on l.ref = f.ref
    where (l.answered is distinct from coalesce(f.shown, '') or l.answered_at not between ${now}::timestamptz - make_interval(hours => ${trustedHours}) and ${now}::timestamptz + make_interval(hours => ${trustedHours}))
      and (l.ref is null or ${dueSql(d, 'l.next_at')} or l.shown <> coalesce(f.shown, ''))
      and not (f.ref is null and l.answered = '')
      and (${registries === null} or split_part(coalesce(f.ref, l.ref), '/', 1) = any(${registries ?? []}::text[]))
    order by l.answered is not distinct from coalesce(f.shown, ''), l.asked_at nulls first, 1 limit ${most}`
  return rows.map(({ ref, shown }) => ({ ref, shown, ...partsOf(ref) }))
}

/** Refs are canonical: host/repository:tag. */
const partsOf = (ref: string): { registry: string; repository: string; tag: string } => {
  const [slash, colon] = [ref.indexOf('/'), ref.lastIndexOf(':')]
  return { registry: ref.slice(0, slash), repository: ref.slice(slash + 1, colon), tag: ref.slice(colon + 1) }
}

/** The registries that Portus is of, as far as is known: what was said, or those of which it ever told us. Null: any. */
async function portusRegistries({ sql, config }: Needs): Promise<string[] | null> {
  if (config.portusRegistry !== null) return [config.portusRegistry]
  if (config.registries.length < 2) return null
  const rows = await sql<{ name: string }[]>`
    select name from registry g where exists (
      select from repository r join scanned_layer l on l.repository_id = r.id where r.registry_id = g.id)`
  return rows.length === 0 ? null : rows.map(({ name }) => name)
}

/** Portus was asked to look at them, or does not know them and will look at them by itself once it does. */
export async function noteAsked(d: Needs, tags: readonly DueTag[]): Promise<void> {
  const now = d.clock()
  const [refs, shown] = [tags.map(({ ref }) => ref), tags.map((tag) => tag.shown)]
  await d.sql`
    insert into portus_look as l (ref, shown, asked_at, next_at, tries)
    select ref, shown, ${now}::timestamptz, ${now}::timestamptz + make_interval(secs => ${firstWaitSeconds}), 1
    from unnest(${refs}::text[], ${shown}::text[]) as asked (ref, shown)
    on conflict (ref) do update set shown = excluded.shown, asked_at = excluded.asked_at,
      tries = case when l.shown = excluded.shown then l.tries + 1 else 1 end,
      next_at = case when l.shown = excluded.shown then ${waited(d, 'l.tries')} else excluded.next_at end`
}

/** Of what is shown no more and is not there in Portus either, nothing is kept. */
export const forgetTags = async (d: Needs, refs: readonly string[]): Promise<void> =>
  void (await d.sql`delete from portus_look where ref = any(${[...refs]}::text[])`)

/** Of what was answered with nothing, and has nothing, nothing is kept. */
export const tidyLooks = async (d: Needs): Promise<void> =>
  void (await d.sql`
    delete from portus_look l where l.answered = '' and not exists (
      select from tag own join tag t on t.head_digest = own.head_digest join cause c on c.tag_id = t.id
      where own.ref = l.ref and c.counted)`)

export const dueLayers = (d: Needs, most: number): Promise<DueLayer[]> => d.sql<DueLayer[]>`
  select l.registry, l.repository, l.name from clair_look l left join scan_finding f on f.name = l.name
  where (coalesce(l.told, ${nothingFound.hash}) <> coalesce(f.hash, ${nothingFound.hash}) or l.fetch_tries > 0)
    and ${dueSql(d, 'l.next_at')}
  order by l.asked_at nulls first, l.name limit ${most}`

export async function noteAskedLayers(d: Needs, layers: readonly DueLayer[]): Promise<void> {
  for (const { registry, repository, name } of layers)
    await d.sql`
      update clair_look set asked_at = ${d.clock()}, tries = tries + 1, next_at = ${waited(d, 'tries')}
      where name = ${name} and registry = ${registry} and repository = ${repository}`
}
