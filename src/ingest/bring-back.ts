import type { Tx } from '../db/postgres.ts'
import type { Instant } from '../oci/instant.ts'

/** A tag of which something is told at a time that is yet to come; all from `to` on is to be told at `to`. */
export type Back = { registryId: number; host: string; repository: string; tag: string; to: Instant }

/**
 * Brings back what is told of a tag at a time that is yet to come, in the order in which it is told, a nanosecond after each other: it is true
 * since nobody knows when, and was before what was told of the tag later at a time that can be. So is what is told of the digests it was at, as
 * a whole and as content. The repository is held. Answers the names of tags to be folded, and the digests whose times changed.
 */
export async function bringBack(
  tx: Tx,
  repositoryId: number,
  { tag, to }: Back,
): Promise<{ tags: string[]; manifests: string[] }> {
  const bound = to.toString()
  const moved = await tx<{ tag: string; digest: string | null }[]>`
    with late as (
      select id, at, dense_rank() over (order by at) as place, least(${bound}::bigint, (
        select min(at) - 1000 from tag_fact told
        where repository_id = ${repositoryId} and tag = ${tag} and told.id > fact.id and at < ${bound}::bigint)) as latest
      from tag_fact fact
      where repository_id = ${repositoryId} and at >= ${bound}::bigint and (tag = ${tag} or (tag = '' and kind = 'delete' and digest in (
        select digest from tag_fact where repository_id = ${repositoryId} and tag = ${tag} and kind = 'push')))
    ), placed as (select id, min(latest) over (order by at desc) + place as at from late)
    update tag_fact set at = placed.at, exact = false from placed where tag_fact.id = placed.id
    returning tag_fact.tag, tag_fact.digest`
  if (moved.length === 0) return { tags: [], manifests: [] }
  const others = await tx<{ tag: string }[]>`
    select distinct tag from tag_fact where repository_id = ${repositoryId} and tag <> '' and kind = 'push'
      and digest = any(${moved.flatMap((fact) => (fact.tag === '' ? (fact.digest ?? []) : []))})`
  const manifests = await tx<{ digest: string }[]>`
    with told as (
      select digest from unnest(${moved.flatMap((fact) => fact.digest ?? [])}::text[]) as told (digest)
    ), due as (
      select digest from manifest
      where (first_push_at > ${bound}::bigint or first_seen_at > ${bound}::bigint) and (digest in (select digest from told)
        or digest in (select manifest_digest from index_entry where index_digest in (select digest from told)))
      order by digest for no key update
    )
    update manifest set first_push_at = case when first_push_at <= ${bound}::bigint then first_push_at end,
      first_seen_at = least(first_seen_at, ${bound}::bigint)
    from due where manifest.digest = due.digest returning manifest.digest`
  return { tags: [...new Set([tag, ...others.map((row) => row.tag)])], manifests: manifests.map((row) => row.digest) }
}
