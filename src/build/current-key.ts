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
  const names = await countedNames(sql, recipes)
  const heads = await headsOf(sql, [...new Set([...names.values()].flat())])
  const contents = await contentsOf(sql, [...new Set([...heads.values()].map((head) => head.digest))])
  const contentOf = (name: string) => contents.get(heads.get(name)?.digest ?? '') ?? null
  return new Map(
    [...recipes].map(([ref, recipe]) => {
      const bases = names.get(ref)!.map((name) => ({ name, content: contentOf(name) }))
      return [ref, buildKey({ recipe, bases })]
    }),
  )
}

type Ended = {
  ref: string
  state: string
  recipe: Recipe
  bases: readonly { name: string | null; digest: string }[]
  began: Date | null
}

/**
 * The key of a build that has ended: over what it was built on, not over what its bases were when it was queued, as they may have moved
 * in between and may move back. A base that it did not name counts as it is now if it is so since before the build began; else
 * as unknown where it pushed, which no later key equals. Null: it failed, and what it would have been built on is not known.
 */
export async function keyAsBuilt(sql: Sql | Tx, { ref, state, recipe, bases, began }: Ended): Promise<string | null> {
  const names = (await countedNames(sql, new Map([[ref, recipe]]))).get(ref)!
  const used = new Map(bases.flatMap(({ name, digest }) => (name === null ? [] : [[name, digest]])))
  const heads = await headsOf(sql, names)
  const isSince = (at: Date | null) => at === null || began === null || at <= began
  if (state !== 'succeeded' && names.some((name) => !used.has(name) && !isSince(heads.get(name)?.at ?? null)))
    return null
  const digestOf = (name: string) => {
    const head = heads.get(name)
    return used.get(name) ?? (head && isSince(head.at) ? head.digest : null)
  }
  const digests = names.map((name) => [name, digestOf(name)] as const)
  const contents = await contentsOf(sql, [...new Set(digests.flatMap(([, digest]) => digest ?? []))])
  return buildKey({
    recipe,
    bases: digests.map(([name, digest]) => ({ name, content: contents.get(digest ?? '') ?? null })),
  })
}

async function countedNames(sql: Sql | Tx, recipes: ReadonlyMap<string, Recipe>): Promise<Map<string, string[]>> {
  const refs = [...recipes.keys()]
  const all = refs.filter((ref) => recipes.get(ref)!.on === 'all')
  const rows = await sql<{ ref: string; names: string[] }[]>`
    select tag.ref, array_agg(distinct base->>'ref') as names
    from tag, jsonb_array_elements(tag.platforms) platform, jsonb_array_elements(platform->'bases') base
    where tag.ref = any(${refs}) and base->>'ref' is not null and (base->>'role' = 'runtime' or tag.ref = any(${all}))
    group by tag.ref`
  const judged = new Map(rows.map(({ ref, names }) => [ref, names]))
  return new Map(
    refs.map((ref) => {
      const own = recipes.get(ref)!.base
      return [ref, [...new Set([...(judged.get(ref) ?? []), ...(own ? [own] : [])])]]
    }),
  )
}

/** What these tags point at, and since when: our clock or the registry's, whichever is earlier. */
async function headsOf(sql: Sql | Tx, names: string[]): Promise<Map<string, { digest: string; at: Date | null }>> {
  const rows = await sql<{ ref: string; digest: string; headAt: bigint | null; judgedAt: Date | null }[]>`
    select ref, head_digest as digest, head_at, judged_at from tag where ref = any(${names}) and head_digest is not null`
  const msOf = (at: bigint | null) => (at === null ? Number.POSITIVE_INFINITY : Number(at / 1_000_000n))
  return new Map(
    rows.map(({ ref, digest, headAt, judgedAt }) => {
      const at = Math.min(msOf(headAt), judgedAt?.getTime() ?? Number.POSITIVE_INFINITY)
      return [ref, { digest, at: Number.isFinite(at) ? new Date(at) : null }]
    }),
  )
}

/** Releases, not digests: an index digest that changes while its platforms stay the same release is no move. */
async function contentsOf(sql: Sql | Tx, digests: string[]): Promise<Map<string, string>> {
  const rows = await sql<{ digest: string; content: string }[]>`
    select asked.digest, coalesce(
      (select string_agg(distinct coalesce(m.release_id::text, m.digest), ',' order by coalesce(m.release_id::text, m.digest))
       from (
         select asked.digest as digest, true as whole
         union all select e.manifest_digest, false from index_entry e where e.index_digest = asked.digest and not e.attestation
       ) part join manifest m on m.digest = part.digest and (m.kind = 'image' or not part.whole)),
      asked.digest) as content
    from unnest(${digests}::text[]) as asked (digest)`
  return new Map(rows.map((row) => [row.digest, row.content]))
}
