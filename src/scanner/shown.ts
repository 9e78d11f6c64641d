import { keyOfRefSql } from '../access/key-of-ref.ts'
import type { Fragment, Sql, Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import type { ScannedTag } from './scanned-image.ts'

/** Counts up where the words of findings change, so that Portus is told anew. */
const wording = 3

/**
 * SQL: (ref, digest, shown) of every tag at one of these digests (`heads`: a statement that selects them) with something to be shown. All tags
 * at one digest in a registry show the same, as Portus keeps it (its app/models/tag.rb, update_vulnerabilities), and what is answered for an
 * image is answered for its tags and those of the indexes it is in: so of whatever shares an image, also of what does not matter by policy.
 * `shown` is a hash of all that their findings depend on: what the tag is at, the counted causes of those that matter, the namespaces that
 * have it, who may read the names in them, and where links lead.
 */
export const flaggedSql = (sql: Sql | Tx, d: Pick<Deps, 'config'>, heads: Fragment): Fragment => sql`
  select at.ref, image.digest, md5(${`${wording} ${d.config.publicUrl} `} || image.digest || ' ' || namespaces || ' ' || lines) as shown from (
    select own.registry_id, own.digest, string_agg(distinct t.namespace, ',' order by t.namespace) as namespaces,
      string_agg(distinct fact.line, ',' order by fact.line) as lines
    from (
      select distinct t.registry_id, head.digest from (select distinct digest from (${heads}) asked (digest)) head
      cross join lateral (${tagsAt(sql, sql`head.digest`)}) t
      cross join lateral (select from registry where id = t.registry_id and not outside and not gone offset 0) g
    ) own cross join lateral (${sharingSql(sql, sql`own.digest`)}) near (digest)
    cross join lateral (select * from (${tagsAt(sql, sql`near.digest`)}) any_registry where registry_id = own.registry_id) t
    left join lateral (
      select concat_ws(' ', c.base, coalesce(c.via, '-'), coalesce(c.from_digest, '-'), c.to_digest, c.role, c.confidence,
        c.platforms, coalesce(nb.visibility::text, '-'), coalesce(nv.visibility::text, '-')) as line
      from (select * from cause where tag_id = t.id and counted and t.ignored is null offset 0) c
      left join namespace nb on nb.key = ${keyOfRefSql(sql, d, sql`c.base`)}
      left join namespace nv on nv.key = ${keyOfRefSql(sql, d, sql`c.via`)}
    ) fact on true
    group by own.registry_id, own.digest
  ) image cross join lateral (${tagsAt(sql, sql`image.digest`)}) at
  where image.lines is not null and at.registry_id = image.registry_id`

/** SQL: by index, whatever is known of the tables' sizes (scanned-image.ts). */
const tagsAt = (sql: Sql | Tx, digest: Fragment): Fragment => sql`
  select t.id, t.ref, t.ignored, r.registry_id, r.namespace from (select * from tag where head_digest = ${digest} offset 0) t
  cross join lateral (select * from repository where id = t.repository_id offset 0) r`

/** SQL: digests that share an image with this one: itself, what is in it, and indexes that have one of these. `digest`: of none of its own tables. */
export const sharingSql = (sql: Sql | Tx, digest: Fragment): Fragment => sql`
  select ${digest}
  union select manifest_digest from index_entry where index_digest = ${digest}
  union select index_digest from index_entry where manifest_digest = ${digest}
  union select sibling.index_digest from index_entry part join index_entry sibling on sibling.manifest_digest = part.manifest_digest
    where part.index_digest = ${digest}`

/**
 * What tags of one image show, as Portus was answered: by ref, "" nothing. `alone`: they are at one digest; where they are at several (the
 * image, and indexes that have it) nobody can tell for which of these Portus came, since it tells layers.
 */
export type Shown = { of: ReadonlyMap<string, string>; alone: boolean }

/** What is to be shown of these tags. */
export async function shownOf(
  d: { sql: Sql | Tx; config: Deps['config'] },
  tags: readonly ScannedTag[],
): Promise<Shown> {
  const of = new Map(tags.map(({ ref }) => [ref, '']))
  const heads = new Set(tags.flatMap(({ digest }) => digest ?? []))
  if (heads.size === 0) return { of, alone: true }
  const flagged = await d.sql<
    { ref: string; shown: string }[]
  >`${flaggedSql(d.sql, d, d.sql`select unnest(${[...heads]}::text[])`)}`
  for (const one of flagged) if (of.has(one.ref)) of.set(one.ref, one.shown)
  return { of, alone: heads.size === 1 }
}
