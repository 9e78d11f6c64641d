import { buildsTheSame } from '../build/key.ts'
import { Recipe } from '../build/recipe.ts'
import type { Tx } from '../db/postgres.ts'

/** A recipe of a tag whose head is our latest push, and whose recipe was stored otherwise then: not yet whether that matters. */
export const changedRecipes = (tx: Tx) => tx`
  select recipe.ref, mine.recipe::text as used,
    coalesce(recipe.change, 'recipes@' || to_char(recipe.updated_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')) as root
  from recipe join tag on tag.ref = recipe.ref
  cross join lateral (
    select build.recipe, build.digest from build where build.ref = recipe.ref and build.digest is not null and build.job is null
    order by build.created_at desc limit 1) mine
  where recipe.auto and tag.head_digest = mine.digest and tag.ignored is null and recipe.spec is distinct from mine.recipe`

/**
 * Of these recipes those by which the tag's head would not be what it is: our latest push stands, and another recipe made it. Both are
 * read by this version, so that an upgrade changes none. Answers the root of each change.
 */
export async function recipeChanges(tx: Tx, recipes: ReadonlyMap<string, Recipe>): Promise<Map<string, string>> {
  if (recipes.size === 0) return new Map()
  const rows = await tx<{ ref: string; used: string; root: string }[]>`
    select * from (${changedRecipes(tx)}) changed where ref = any(${[...recipes.keys()]})`
  return new Map(
    rows.flatMap(({ ref, used, root }) => {
      const before = Recipe.safeParse(JSON.parse(used)).data
      return before && !buildsTheSame(before, recipes.get(ref)!) ? [[ref, root] as const] : []
    }),
  )
}
