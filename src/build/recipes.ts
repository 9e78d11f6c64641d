import type { Deps } from '../deps.ts'
import { Recipe } from './recipe.ts'

export type StoredRecipe = { ref: string; recipe: Recipe; updatedAt: Date }

/** Stores a tag's recipe. What counts for the tag may change with it, so it is judged and planned again. */
export async function putRecipe(d: Pick<Deps, 'sql' | 'jobs' | 'clock'>, ref: string, recipe: Recipe): Promise<void> {
  await d.sql.begin(async (tx) => {
    await tx`
      insert into recipe (ref, spec, auto, count_on, updated_at)
      values (${ref}, ${JSON.stringify(recipe)}::text::jsonb, ${recipe.auto}, ${recipe.on}, ${d.clock()})
      on conflict (ref) do update
      set spec = excluded.spec, auto = excluded.auto, count_on = excluded.count_on, updated_at = excluded.updated_at`
    await tx`insert into dirty (kind, key) values ('tag', ${ref})`
    await d.jobs.enqueue(tx, 'refresh', {}, { key: 'refresh', queue: 'refresh' })
    await d.jobs.enqueue(tx, 'plan', {}, { key: 'plan', queue: 'plan' })
  })
}

/** True where there was one. Builds that are queued keep the recipe they were queued with. */
export async function removeRecipe(d: Pick<Deps, 'sql' | 'jobs'>, ref: string): Promise<boolean> {
  return d.sql.begin(async (tx) => {
    const removed = await tx`delete from recipe where ref = ${ref}`
    if (removed.count === 0) return false
    await tx`insert into dirty (kind, key) values ('tag', ${ref})`
    await d.jobs.enqueue(tx, 'refresh', {}, { key: 'refresh', queue: 'refresh' })
    await d.jobs.enqueue(tx, 'plan', {}, { key: 'plan', queue: 'plan' })
    return true
  })
}

export async function getRecipe(d: Pick<Deps, 'db'>, ref: string): Promise<StoredRecipe | null> {
  const row = await d.db.recipe.findUnique({ where: { ref } })
  return row && { ref, recipe: Recipe.parse(row.spec), updatedAt: row.updatedAt }
}

/** All recipes by ref, `after` one where given. */
export async function listRecipes(
  d: Pick<Deps, 'db'>,
  page: { after?: string; limit?: number } = {},
): Promise<StoredRecipe[]> {
  const rows = await d.db.recipe.findMany({
    where: page.after === undefined ? {} : { ref: { gt: page.after } },
    orderBy: { ref: 'asc' },
    ...(page.limit === undefined ? {} : { take: page.limit }),
  })
  return rows.map((row) => ({ ref: row.ref, recipe: Recipe.parse(row.spec), updatedAt: row.updatedAt }))
}
