import type { Sql, Tx } from '../db/postgres.ts'
import { buildKey } from './key.ts'
import type { Recipe } from './recipe.ts'

/** The key a build of this tag would have now. */
export async function currentKey(sql: Sql | Tx, ref: string, recipe: Recipe): Promise<string> {
  return (await currentKeys(sql, new Map([[ref, recipe]]))).get(ref)!
}

/**
 * The keys that builds of these tags would have now: over what their counted bases point at. The bases are those of the tag's last
 * verdict (all of them with `on: all`) and the recipe's own `base`; a tag that was never built has none yet.
 */
export async function currentKeys(
  sql: Sql | Tx,
  recipes: ReadonlyMap<string, Recipe>,
): Promise<ReadonlyMap<string, string>> {
  const refs = [...recipes.keys()]
  const all = refs.filter((ref) => recipes.get(ref)!.on === 'all')
  const rows = await sql<{ ref: string; names: string[] }[]>`
    select tag.ref, array_agg(distinct base->>'ref') as names
    from tag, jsonb_array_elements(tag.platforms) platform, jsonb_array_elements(platform->'bases') base
    where tag.ref = any(${refs}) and base->>'ref' is not null and (base->>'role' = 'runtime' or tag.ref = any(${all}))
    group by tag.ref`
  const judged = new Map(rows.map(({ ref, names }) => [ref, names]))
  const wanted = new Map(
    refs.map((ref) => {
      const own = recipes.get(ref)!.base
      return [ref, [...new Set([...(judged.get(ref) ?? []), ...(own ? [own] : [])])]]
    }),
  )
  const contents = await contentsOf(sql, [...new Set([...wanted.values()].flat())])
  return new Map(
    refs.map((ref) => {
      const bases = wanted.get(ref)!.map((name) => ({ name, content: contents.get(name) ?? null }))
      return [ref, buildKey({ recipe: recipes.get(ref)!, bases })]
    }),
  )
}

/** Releases, not digests: an index digest that changes while its platforms stay the same release is no move. */
async function contentsOf(sql: Sql | Tx, names: string[]): Promise<Map<string, string>> {
  const rows = await sql<{ ref: string; content: string }[]>`
    select tag.ref, coalesce(
      (select string_agg(distinct coalesce(m.release_id::text, m.digest), ',' order by coalesce(m.release_id::text, m.digest))
       from (
         select tag.head_digest as digest, true as whole
         union all select e.manifest_digest, false from index_entry e where e.index_digest = tag.head_digest and not e.attestation
       ) part join manifest m on m.digest = part.digest and (m.kind = 'image' or not part.whole)),
      tag.head_digest) as content
    from tag where tag.ref = any(${names}) and tag.head_digest is not null`
  return new Map(rows.map((row) => [row.ref, row.content]))
}
