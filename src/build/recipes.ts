import type { Fragment, Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { markDirty } from '../ingest/save.ts'
import { previousTag } from '../oci/own-tags.ts'
import { nextTime } from './cron.ts'
import { buildsTheSame } from './key.ts'
import { recipeSource } from './observe-recipe.ts'
import { queueReadingOf, type Reading } from './queue-readings.ts'
import { Recipe } from './recipe.ts'
import { recipeChangeAt } from './recipe-change.ts'

/** `dueAt`: when its schedule builds it next; null without one. */
export type StoredRecipe = {
  ref: string
  recipe: Recipe
  updatedAt: Date
  reading: Reading | null
  dueAt: Date | null
}

/**
 * Stores a tag's recipe. What counts for the tag may change with it, so it is judged and planned again; where its source changed, what
 * the old one said of bases is forgotten, and the new one is read. A schedule counts from when it was given.
 */
export async function putRecipe(d: Pick<Deps, 'sql' | 'jobs' | 'clock'>, ref: string, recipe: Recipe): Promise<void> {
  await d.sql.begin(async (tx) => {
    const [known] = await tx<{ spec: string }[]>`select spec::text as spec from recipe where ref = ${ref} for update`
    const before = known && Recipe.safeParse(JSON.parse(known.spec)).data
    const same = known !== undefined && sourceOf(before) === sourceOf(recipe)
    const now = d.clock()
    const dueAt = recipe.schedule === undefined ? null : nextTime(recipe.schedule, now)
    const change = before && !startsAnew(before, recipe) ? null : await recipeChangeAt(tx, now)
    await tx`
      insert into recipe (ref, spec, auto, count_on, updated_at, due_at, change)
      values (${ref}, ${JSON.stringify(recipe)}::text::jsonb, ${recipe.auto}, ${recipe.on}, ${now}, ${dueAt}, ${change})
      on conflict (ref) do update
      set spec = excluded.spec, auto = excluded.auto, count_on = excluded.count_on, updated_at = excluded.updated_at,
        change = coalesce(excluded.change, recipe.change),
        reading = case when ${same} then recipe.reading end,
        due_at = case when ${before?.schedule === recipe.schedule} then coalesce(recipe.due_at, excluded.due_at) else excluded.due_at end`
    const refs = [...new Set([ref, ...helpersOf(ref, recipe), ...(before ? helpersOf(ref, before) : [])])]
    await changed(d, tx, refs, same ? [] : await forgetReading(tx, ref))
    if (!same) await queueReadingOf(d, tx, ref)
  })
}

/** True where there was one. Builds that are queued keep the recipe they were queued with. */
export async function removeRecipe(d: Pick<Deps, 'sql' | 'jobs'>, ref: string): Promise<boolean> {
  return d.sql.begin(async (tx) => {
    const [removed] = await tx<{ spec: string }[]>`delete from recipe where ref = ${ref} returning spec::text as spec`
    if (!removed) return false
    const helpers = helpersOf(ref, JSON.parse(removed.spec) as Pick<Recipe, 'pushTo'>)
    await tx`
      update tag set ignored = null where ref = any(${helpers}) and ignored->>'rule' in ('previous', 'candidate') and ignored->>'scope' = ${ref}`
    await changed(d, tx, [ref, ...helpers], await forgetReading(tx, ref))
    return true
  })
}

/** Whether it may have to be built because of how its recipe was changed. */
const startsAnew = (before: Recipe, recipe: Recipe): boolean =>
  !buildsTheSame(before, recipe) || (recipe.auto && !before.auto)

/** What of a recipe decides which bases it names. */
const sourceOf = (recipe: Recipe | undefined): string =>
  JSON.stringify(recipe && [recipe.strategy, recipe.git, recipe.context, recipe.dockerfile, recipe.args, recipe.target])

/** Answers the manifests of which it said something. */
async function forgetReading(tx: Tx, ref: string): Promise<string[]> {
  const rows = await tx<{ subject: string }[]>`
    delete from declaration where evidence = 'recipe' and source = ${recipeSource(ref)} returning subject`
  return [...new Set(rows.map((row) => row.subject))]
}

/** The tags kept beside a recipe's own: whether they matter follows from it. */
function helpersOf(ref: string, { pushTo }: Pick<Recipe, 'pushTo'>): string[] {
  const colon = ref.lastIndexOf(':') + 1
  return [previousTag(ref.slice(colon)), pushTo ?? []].flat().map((tag) => ref.slice(0, colon) + tag)
}

async function changed(d: Pick<Deps, 'jobs'>, tx: Tx, refs: string[], manifests: string[]): Promise<void> {
  await markDirty(d, tx, { tags: refs, manifests })
  await d.jobs.enqueue(tx, 'plan', {}, { key: 'plan', queue: 'plan' })
}

export async function getRecipe(d: Pick<Deps, 'db'>, ref: string): Promise<StoredRecipe | null> {
  const row = await d.db.recipe.findUnique({ where: { ref } })
  return row && stored(row)
}

/** All recipes by ref, `after` one where given. `mine`: a condition on `ref`; without it all. */
export async function listRecipes(
  d: Pick<Deps, 'db' | 'sql'>,
  page: { after?: string; limit?: number; mine?: Fragment } = {},
): Promise<StoredRecipe[]> {
  const asked = await d.sql<{ ref: string }[]>`
    select ref from recipe where (${page.after ?? null}::text is null or ref > ${page.after ?? null}) and ${page.mine ?? d.sql`true`}
    order by ref limit ${page.limit ?? null}`
  const rows = await d.db.recipe.findMany({
    where: { ref: { in: asked.map(({ ref }) => ref) } },
    orderBy: { ref: 'asc' },
  })
  return rows.map(stored)
}

const stored = (row: {
  ref: string
  spec: unknown
  updatedAt: Date
  reading: unknown
  dueAt: Date | null
}): StoredRecipe => ({
  ref: row.ref,
  recipe: Recipe.parse(row.spec),
  updatedAt: row.updatedAt,
  reading: (row.reading ?? null) as Reading | null,
  dueAt: row.dueAt,
})
