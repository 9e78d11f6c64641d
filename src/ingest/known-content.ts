import type { Sql } from '../db/postgres.ts'
import type { ManifestFacts } from '../lineage/content.ts'
import type { Platform } from '../oci/platform.ts'

/**
 * Nothing of a complete digest need be fetched: it is known, and so is every entry where it is an index. An entry that is an index
 * still was not to be had when the outer one was read: it has to give way to its leaves.
 */
export type Completeness = { complete: boolean; entries: string[] }

export async function completeness(sql: Sql, digest: string): Promise<Completeness> {
  const rows = await sql<{ digest: string; entry: boolean; known: boolean }[]>`
    select digest, false as entry, kind <> 'absent' as known from manifest where digest = ${digest}
    union all
    select e.manifest_digest, true, m.kind is not null and m.kind not in ('absent', 'index')
    from index_entry e left join manifest m on m.digest = e.manifest_digest
    where e.index_digest = ${digest}`
  return {
    complete: rows.some((row) => !row.entry) && rows.every((row) => row.known),
    entries: rows.filter((row) => row.entry).map((row) => row.digest),
  }
}

/** Manifests among `digests` whose content is known, with their platform. Indexes are left out: they are walked again. */
export async function knownManifests(sql: Sql, digests: string[]): Promise<Map<string, Platform | null>> {
  const rows = await sql<{ digest: string; platform: Platform | null }[]>`
    select digest, platform from manifest where digest = any(${digests}) and kind in ('image', 'artifact')`
  return new Map(rows.map((row) => [row.digest, row.platform] satisfies [string, ManifestFacts['platform']]))
}
