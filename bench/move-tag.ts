import { randomUUID } from 'node:crypto'
import type { Sql } from '../src/db/postgres.ts'

/** Points a tag at a content nobody has seen, as ingest would after its push: facts, and the marks for refresh. */
export async function moveTag(sql: Sql, { id, ref }: { id: number; ref: string }): Promise<void> {
  const next = `sha256:${randomUUID().replaceAll('-', '')}${'0'.repeat(32)}`
  const [own] = [randomUUID()]
  await sql.begin(async (tx) => {
    const [tag] = await tx<{ headDigest: string; at: string }[]>`
      select head_digest, (head_at + 1000000000)::text as at from tag where id = ${id}`
    const { headDigest, at } = tag!
    await tx`
      insert into manifest (digest, media_type, kind, platform, created_at, layer_count, history_accounts, chain_ids, step_ids,
        solid_ids, last_chain, last_step, release_id, layers, first_push_at)
      select ${next}, media_type, kind, platform, created_at, 1, true, array[${own}::uuid], array[${own}::uuid], array[${own}::uuid],
        ${own}::uuid, ${own}::uuid, ${own}::uuid, '[]', ${at}::bigint
      from manifest where digest = ${headDigest}`
    await tx`update tag_span set to_at = ${at}::bigint where tag_id = ${id} and to_at is null`
    await tx`
      insert into tag_span (tag_id, seq, digest, from_at, exact)
      select ${id}, max(seq) + 1, ${next}, ${at}::bigint, true from tag_span where tag_id = ${id}`
    await tx`update tag set head_digest = ${next}, head_at = ${at}::bigint where id = ${id}`
    await tx`insert into dirty (kind, key) values ('tag', ${ref}), ('manifest', ${next})`
  })
}
