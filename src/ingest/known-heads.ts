import type { Sql } from '../db/postgres.ts'
import type { KnownHead } from './sight-tag.ts'

/** What is known of these tags of a repository; tags never seen are left out. */
export async function knownHeads(
  sql: Sql,
  registryId: number,
  repository: string,
  tags: string[],
): Promise<Map<string, KnownHead>> {
  const rows = await sql<(KnownHead & { name: string })[]>`
    select tag.name, tag.head_digest as digest,
      (select coalesce(to_at, from_at) from tag_span where tag_id = tag.id order by seq desc limit 1) as since,
      exists (select from manifest where digest = tag.head_digest and kind <> 'absent') and not exists (
        select from index_entry entry join manifest on manifest.digest = entry.manifest_digest
        where entry.index_digest = tag.head_digest and manifest.kind in ('absent', 'index')) as readable
    from tag join repository on repository.id = tag.repository_id
    where repository.registry_id = ${registryId} and repository.name = ${repository} and tag.name = any(${tags})`
  return new Map(rows.map(({ name, digest, since, readable }) => [name, { digest, since: since ?? 0n, readable }]))
}
