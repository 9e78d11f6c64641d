import type { Tx } from '../db/postgres.ts'
import { type Head, withoutRevision } from './settle.ts'

/** A base is rarely pushed for more platforms one by one. */
const mostHeads = 12

/** What these tags pointed at, newest first, with the platforms of each. Attestations are none. */
export async function latestHeads(tx: Tx, refs: string[]): Promise<Map<string, Head[]>> {
  if (refs.length === 0) return new Map()
  const rows = await tx<{ ref: string; platforms: string[]; left: bigint | null }[]>`
    select tag.ref, span.to_at as left, array(
      select m.platform from manifest m where m.digest = span.digest and m.platform is not null
      union select e.platform from index_entry e where e.index_digest = span.digest and not e.attestation and e.platform is not null
    ) as platforms
    from tag cross join lateral (
      select digest, seq, to_at from tag_span where tag_id = tag.id order by seq desc limit ${mostHeads}) span
    where tag.ref = any(${refs}) order by tag.ref, span.seq desc`
  const heads = Map.groupBy(rows, (row) => row.ref)
  return new Map(
    [...heads].map(([ref, of]) => [
      ref,
      of.map(({ platforms, left }) => ({
        platforms: new Set(platforms.map(withoutRevision)),
        left: left === null ? null : new Date(Number(left / 1_000_000n)),
      })),
    ]),
  )
}
