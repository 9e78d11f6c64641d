import type { Deps } from '../deps.ts'
import type { ToldLayer } from './posted-layer.ts'

/** Docker stops at 127 layers. */
const deepest = 200
/** Of a repository only so many are kept, those told last. */
const mostOfRepository = 2000
/** Images of one top layer that are looked at, those told last. */
const mostImages = 20
const keptDays = 30

/** Keeps what a layer was told to stand on, in a repository that is known: on the row of its parent that was told last. */
export async function keepLayer(d: Pick<Deps, 'sql'>, { name, parent, place, at }: ToldLayer): Promise<void> {
  const [kept] = await d.sql<{ repositoryId: number; fresh: boolean }[]>`
    with place as (
      select r.id from repository r join registry g on g.id = r.registry_id
      where g.name = ${place.registry} and r.name = ${place.repository} and not g.outside
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

/**
 * A tag at whose head is the image asked for. `platform`: that image's own. `counts`: false where the tag does not matter by policy, or is
 * gone: Portus may have it still, but it has nothing to say.
 */
export type ScannedTag = { id: number; ref: string; platform: string | null; counts: boolean }

/**
 * The tags at the image of which this is the top layer, in the repository that was told and, as Portus keeps what it finds by digest, in all
 * of its registry; gone ones of that repository too. It is the image whose layers were told last, all of them. Empty where none was told whole, or that is not known. An image is told from its lowest layer up, so that of two images with one
 * top layer the one visited last is the one whose least recent layer is the more recent; what is only a part of the same telling is
 * shorter. The image is found by all its layers (manifest_told_layers_idx; Portus leaves out the empty tar of old manifests): tens of
 * thousands may share the top one. `offset 0`: each step goes by an index, where the planner took 3,000 rows for fewer to be read whole,
 * ten times (7.5 ms; so 1 ms).
 */
export async function scannedTags(d: Pick<Deps, 'sql'>, name: string): Promise<ScannedTag[]> {
  return d.sql<ScannedTag[]>`
    with recursive chain as (
      select top.id as top, below, repository_id, turn as since, array[top.name] as names, 1 as depth
      from (select * from scanned_layer where name = ${name} order by turn desc limit ${mostImages}) top
      union all
      select chain.top, l.below, chain.repository_id, least(chain.since, l.turn), l.name || chain.names, chain.depth + 1
      from chain cross join lateral (select * from scanned_layer where id = chain.below offset 0) l where chain.depth < ${deepest}
    ), whole as (
      select *, max(since) over () as latest from chain where below = 0
    ), told as (
      select * from whole where since = latest
    ), image as (
      select m.digest, m.platform, told.repository_id, told.depth from told cross join lateral (
        select digest, platform from manifest where kind = 'image'
          and md5(jsonb_path_query_array(layers, '$[*] ? (@.digest != "sha256:a3ed95caeb02ffe68cdd9fd84406680ae93d633cb16422d00e8a7c22955b46d4").digest')::text)
            = md5(to_jsonb(told.names)::text) offset 0) m
    ), head as (
      select digest, platform, repository_id, depth from image
      union select e.index_digest, image.platform, image.repository_id, image.depth
      from image cross join lateral (select index_digest from index_entry where manifest_digest = image.digest offset 0) e
    ), gone as (
      select t.id, t.ref, head.digest, head.platform, head.repository_id, head.depth from head
      cross join lateral (select tag_id, seq from tag_span where digest = head.digest offset 0) span
      cross join lateral (select * from tag where id = span.tag_id offset 0) t
      where t.head_digest is null and t.repository_id = head.repository_id
        and span.seq = (select max(seq) from tag_span where tag_id = t.id)
    ), here as (
      select head.digest, head.platform, head.repository_id, head.depth from head cross join lateral (
        select from tag where head_digest = head.digest and repository_id = head.repository_id limit 1) held
      union select digest, platform, repository_id, depth from gone
    ), found as (
      select here.*, r.registry_id, max(here.depth) over () as most from here
      join repository r on r.id = here.repository_id join registry g on g.id = r.registry_id where not g.outside
    )
    select t.id, t.ref, found.platform, t.ignored is null as counts from found
    cross join lateral (select * from tag where head_digest = found.digest offset 0) t
    join repository r on r.id = t.repository_id and r.registry_id = found.registry_id
    where depth = most
    union
    select gone.id, gone.ref, gone.platform, false from gone join found on found.digest = gone.digest and found.repository_id = gone.repository_id
    where found.depth = found.most
    order by ref`
}

/** Forgets what nobody has asked about for so long. */
export async function forgetScans(d: Pick<Deps, 'sql' | 'clock'>): Promise<void> {
  const before = new Date(d.clock().getTime() - keptDays * 86_400_000)
  await d.sql`delete from scanned_layer where seen_at < ${before}`
  await d.sql`delete from clair_look where seen_at < ${before}`
  await d.sql`
    delete from scan_finding f where fetched_at < ${before} and not exists (select from clair_look where name = f.name)`
}
