import type { Sql, Tx } from '../db/postgres.ts'

/**
 * Which of these refs, all on registries outside, are somebody's base: a tag that stands declares it, or was judged to be based on it.
 * A tag outside stands only while it is watched itself, and is no reason for itself.
 */
export async function usedRefs(sql: Sql | Tx, refs: readonly string[]): Promise<string[]> {
  const rows = await sql<{ ref: string }[]>`
    select asked.ref from unnest(${[...refs]}::text[]) as asked (ref)
    where exists (
      select from declaration said join tag on tag.head_digest = said.subject
      where said.name = asked.ref and ${stands(sql)}
    ) or exists (
      select from declaration said join index_entry entry on entry.manifest_digest = said.subject
        join tag on tag.head_digest = entry.index_digest
      where said.name = asked.ref and ${stands(sql)}
    ) or exists (
      select from tag_base join tag on tag.id = tag_base.tag_id
      where tag_base.base = asked.ref and tag.head_digest is not null and ${stands(sql)}
    ) order by 1`
  return rows.map((row) => row.ref)
}

const stands = (sql: Sql | Tx) => sql`
  tag.ref <> asked.ref and exists (
    select from repository join registry on registry.id = repository.registry_id
    where repository.id = tag.repository_id
      and (not registry.outside or exists (select from watch where watch.ref = tag.ref)))`
