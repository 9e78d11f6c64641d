import type { Sql, Tx } from '../db/postgres.ts'
import { buildKey } from './key.ts'
import type { Recipe } from './recipe.ts'

/**
 * The key a build of this tag would have now: over what its counted bases point at. The bases are those of the tag's last verdict
 * (all of them with `on: all`) and the recipe's own `base`; a tag that was never built has none yet.
 */
export async function currentKey(sql: Sql | Tx, ref: string, recipe: Recipe): Promise<string> {
  const names = await sql<{ name: string }[]>`
    select distinct base->>'ref' as name
    from tag, jsonb_array_elements(tag.platforms) platform, jsonb_array_elements(platform->'bases') base
    where tag.ref = ${ref} and base->>'ref' is not null and (base->>'role' = 'runtime' or ${recipe.on === 'all'})`
  const wanted = [...new Set([...names.map((row) => row.name), ...(recipe.base ? [recipe.base] : [])])]
  // Releases, not digests: an index digest that changes while its platforms stay the same release is no move.
  const contents = await sql<{ ref: string; content: string }[]>`
    select tag.ref, coalesce(
      (select string_agg(distinct coalesce(m.release_id::text, m.digest), ',' order by coalesce(m.release_id::text, m.digest))
       from manifest m
       where m.digest = tag.head_digest and m.kind = 'image'
          or m.digest in (select e.manifest_digest from index_entry e where e.index_digest = tag.head_digest and not e.attestation)),
      tag.head_digest) as content
    from tag where tag.ref = any(${wanted}) and tag.head_digest is not null`
  const known = new Map(contents.map((row) => [row.ref, row.content]))
  return buildKey({ recipe, bases: wanted.map((name) => ({ name, content: known.get(name) ?? null })) })
}
