import type { Fragment, Sql, Tx } from '../db/postgres.ts'

/** Docker stops at 127 layers. */
const deepest = 200
/** Images of one top layer that are looked at, those told last. */
const mostImages = 20

/**
 * Reads one state of the database, going by an index in each step, whatever is known of the tables' sizes: a plan is kept for as long as
 * nothing is counted anew, and one that was made while a table was small read the whole of it for each layer (docs/design/portus.md).
 */
export const byIndex = async <T>(sql: Sql, work: (tx: Tx) => Promise<T>): Promise<T> =>
  (await sql.begin('isolation level repeatable read read only', async (tx) => {
    // sent at once, before whatever the work asks
    const [, done] = await Promise.all([indexesAlone(tx).execute(), work(tx)])
    return done
  })) as T

/** For the rest of a transaction. */
export const indexesAlone = (tx: Tx) => tx`
  select set_config('enable_' || way, 'off', true) from unnest(array['seqscan', 'bitmapscan', 'hashjoin', 'mergejoin']) way`

/**
 * SQL: CTEs, of which `here` has the tags at whose head is the image with this top layer, in the repository that was told and, as Portus keeps
 * what it finds by digest, in all of its registry, each with `platform`, that image's own, and `counts`: false where it does not matter by
 * policy; `gone` the gone ones of that repository: Portus may have them still, but they have nothing to say.
 *
 * It is the image whose layers were told last, all of them; none where none was told whole, or that is not known, or whose registry is configured no more. An image is told from its
 * lowest layer up, so that of two images with one top layer the one visited last is the one whose least recent layer is the more recent; what
 * is only a part of the same telling is shorter. It is found by all its layers (manifest_told_layers_idx; Portus leaves out the empty tar of
 * old manifests): tens of thousands may share the top one. `offset 0`, `limit 1`: look-ups, one for each row, that the planner is not to turn
 * round. No CTE is sorted, and each is read as far as it is asked for: who wants some of `here` pays for these.
 */
export const scannedSql = (sql: Sql | Tx, name: string): Fragment => sql`
  recursive chain as (
    select top.id as top, name, below, repository_id, turn as since, 1 as depth
    from (select * from scanned_layer where name = ${name} order by turn desc limit ${mostImages}) top
    union all
    select chain.top, l.name, l.below, chain.repository_id, least(chain.since, l.turn), chain.depth + 1
    from chain cross join lateral (select * from scanned_layer where id = chain.below offset 0) l where chain.depth < ${deepest}
  ), whole as (
    select *, max(since) over () as latest from chain where below = 0
  ), told as (
    select r.registry_id, whole.repository_id, r.namespace, g.name || '/' || r.name as place, whole.depth,
      md5((select to_jsonb(array_agg(name order by depth desc))::text from chain where chain.top = whole.top)) as layers
    from whole join repository r on r.id = whole.repository_id join registry g on g.id = r.registry_id
    where since = latest and not g.outside and not g.gone
  ), image as (
    select m.digest, m.platform, told.registry_id, told.repository_id, told.depth from told cross join lateral (
      select digest, platform from manifest where kind = 'image'
        and md5(jsonb_path_query_array(layers, '$[*] ? (@.digest != "sha256:a3ed95caeb02ffe68cdd9fd84406680ae93d633cb16422d00e8a7c22955b46d4").digest')::text)
          = told.layers offset 0) m
  ), head as (
    select * from image
    union all select e.index_digest, image.platform, image.registry_id, image.repository_id, image.depth
    from image cross join lateral (select index_digest from index_entry where manifest_digest = image.digest offset 0) e
  ), held as (
    select head.* from head left join lateral (
      select true as yes from tag where head_digest = head.digest and repository_id = head.repository_id limit 1) own on true
    left join lateral (
      select true as yes from (${leftBehind(sql, sql`head`)}) before where own.yes is null limit 1) before on true
    where own.yes or before.yes
  ), found as (
    select * from held where depth = (
      select max(told.depth) from told cross join lateral (select from held where held.depth = told.depth limit 1) any_held)
  ), here as (
    select t.id, t.ref, found.digest, r.namespace, found.platform, t.ignored is null as counts from found
    cross join lateral (select * from tag where head_digest = found.digest offset 0) t
    cross join lateral (select namespace from repository where id = t.repository_id and registry_id = found.registry_id offset 0) r
  ), gone as (
    select before.id, before.ref from found cross join lateral (${leftBehind(sql, sql`found`)}) before
  )`

/** SQL: the gone tags of a repository whose last head it was. */
const leftBehind = (sql: Sql | Tx, at: Fragment): Fragment => sql`
  select t.id, t.ref from (select tag_id, seq from tag_span where digest = ${at}.digest offset 0) span
  cross join lateral (select * from tag where id = span.tag_id offset 0) t
  where t.head_digest is null and t.repository_id = ${at}.repository_id and span.seq = (select max(seq) from tag_span where tag_id = t.id)
  offset 0`

/** A tag that is answered for where Portus asks about this top layer. `digest`: where it is now; null: it is gone. */
export type ScannedTag = { ref: string; digest: string | null }

/** All of them, however many. */
export const scannedTags = (sql: Sql | Tx, name: string): Promise<ScannedTag[]> => sql<ScannedTag[]>`
  with ${scannedSql(sql, name)} select ref, digest from here union select ref, null from gone order by ref`
