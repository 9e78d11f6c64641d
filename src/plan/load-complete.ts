import type { Tx } from '../db/postgres.ts'
import { isWholeAgain } from './settle.ts'

/** A base is rarely pushed for more platforms one by one. */
const mostHeads = 12

/** Of these tags those that were pushed platform by platform and have all now that they had before. */
export async function wholeAgain(tx: Tx, refs: string[]): Promise<Set<string>> {
  if (refs.length === 0) return new Set()
  const rows = await tx<{ ref: string; platforms: string[] }[]>`
    select tag.ref, array(
      select m.platform from manifest m where m.digest = span.digest and m.platform is not null
      union select e.platform from index_entry e where e.index_digest = span.digest and not e.attestation and e.platform is not null
    ) as platforms
    from tag cross join lateral (
      select digest, seq from tag_span where tag_id = tag.id order by seq desc limit ${mostHeads}) span
    where tag.ref = any(${refs}) order by tag.ref, span.seq desc`
  const heads = Map.groupBy(rows, (row) => row.ref)
  return new Set(
    [...heads].flatMap(([ref, of]) => (isWholeAgain(of.map(({ platforms }) => new Set(platforms))) ? [ref] : [])),
  )
}
