import type { Deps } from '../deps.ts'
import type { ToldLayer } from './posted-layer.ts'

/** Of a repository only so many are kept, those told last. */
const mostOfRepository = 2000
const keptDays = 30

/** Keeps what a layer was told to stand on, in a repository that is known: on the row of its parent that was told last. */
export async function keepLayer(d: Pick<Deps, 'sql'>, { name, parent, place, at }: ToldLayer): Promise<void> {
  const [kept] = await d.sql<{ repositoryId: number; fresh: boolean }[]>`
    with place as (
      select r.id from repository r join registry g on g.id = r.registry_id
      where g.name = ${place.registry} and r.name = ${place.repository} and not g.outside and not g.gone
    ), under as (
      select 0::bigint as id where ${parent} = ''
      union all
      (select l.id from place join scanned_layer l on l.repository_id = place.id and l.name = ${parent}
        where ${parent} <> '' order by l.turn desc limit 1)
    )
    insert into scanned_layer (repository_id, name, below, turn, seen_at)
    select place.id, ${name}, under.id, nextval(pg_get_serial_sequence('scanned_layer', 'id')), ${at} from place, under
    on conflict (repository_id, name, below) do update set turn = excluded.turn, seen_at = excluded.seen_at
    returning repository_id, xmax = 0 as fresh`
  if (kept?.fresh)
    await d.sql`
      delete from scanned_layer where id in (
        select id from scanned_layer where repository_id = ${kept.repositoryId} order by turn desc offset ${mostOfRepository})`
}

/** Forgets what nobody has asked about for so long. */
export async function forgetScans(d: Pick<Deps, 'sql' | 'clock'>): Promise<void> {
  const before = new Date(d.clock().getTime() - keptDays * 86_400_000)
  await d.sql`delete from scanned_layer where seen_at < ${before}`
  await d.sql`delete from clair_look where seen_at < ${before}`
  await d.sql`
    delete from scan_finding f where fetched_at < ${before} and not exists (select from clair_look where name = f.name)`
}
