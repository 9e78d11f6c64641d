import { z } from 'zod'
import { keyOfRefSql } from '../../access/key-of-ref.ts'
import { actsIn } from '../../access/readable-by.ts'
import { parseRecipe, Recipe } from '../../build/recipe.ts'
import { getRecipe, listRecipes, putRecipe, removeRecipe, type StoredRecipe } from '../../build/recipes.ts'
import { ofRef, person } from '../access-of.ts'
import { baseOf, RefParams, refOf } from '../names.ts'
import { decodeCursor, oneText, page, pageOf, pageQuery } from '../page.ts'
import { ApiError } from '../problem.ts'
import { route } from '../route.ts'
import { Reading, RecipeView } from '../schemas/recipe.ts'
import { Time } from '../schemas/tag.ts'

const ListedRecipe = z
  .object({
    ref: z.string(),
    updatedAt: Time,
    ...RecipeView.shape,
    dueAt: Time.nullable().describe('when its schedule builds it next'),
    reading: Reading.nullable().describe('how its Dockerfile was last read for bases; null: not yet, or it has none'),
  })
  .meta({ id: 'ListedRecipe' })

const show = ({ ref, recipe, updatedAt, reading, dueAt }: StoredRecipe) => ({
  ...{ ref, updatedAt: updatedAt.toISOString() },
  ...recipe,
  dueAt: dueAt?.toISOString() ?? null,
  reading,
})

export const recipeRoutes = [
  route({
    method: 'get',
    path: '/recipes',
    access: person,
    summary: 'Recipes, by tag',
    query: z.object(pageQuery),
    responses: { 200: pageOf(ListedRecipe) },
    async handle(d, { query, principal }) {
      const after = decodeCursor(query.cursor, oneText)
      const rows = await listRecipes(d, {
        limit: query.limit + 1,
        ...(after ? { after: after[0] } : {}),
        mine: actsIn(d.sql, principal, ['contributor', 'owner'], keyOfRefSql(d.sql, d, d.sql`ref`)),
      })
      return { status: 200, body: page(rows, query.limit, (row) => [row.ref], show) }
    },
  }),
  route({
    method: 'get',
    path: '/recipes/{ref}',
    access: ofRef('recipe', 'no-such-recipe'),
    summary: 'How a tag is built',
    params: RefParams,
    responses: { 200: RecipeView },
    problems: ['no-such-recipe'],
    async handle(d, { params }) {
      const found = await getRecipe(d, refOf(d, params.ref))
      if (!found) throw new ApiError('no-such-recipe', `${params.ref} has no recipe`)
      return { status: 200, body: found.recipe }
    },
  }),
  route({
    method: 'put',
    path: '/recipes/{ref}',
    access: ofRef('recipe', 'no-such-tag'),
    summary: 'Store how a tag is built; the tag need not exist yet',
    params: RefParams,
    body: Recipe,
    responses: { 200: RecipeView },
    details: (_, { body: { strategy, auto, on } }) => ({ strategy, auto, on }),
    async handle(d, { params, request }) {
      const ref = refOf(d, params.ref)
      const parsed = parseRecipe(request.body ?? {}, { gitProtocols: d.config.gitProtocols })
      if (!parsed.ok)
        throw new ApiError(
          'bad-request',
          'the recipe is not as it should be',
          parsed.faults.map(({ path, code, message }) => ({ path, message: `${message} (${code})` })),
        )
      const { base } = parsed.recipe
      const recipe = base === undefined ? parsed.recipe : { ...parsed.recipe, base: baseOf(d, ref, base) }
      await putRecipe(d, ref, recipe)
      return { status: 200, body: recipe }
    },
  }),
  route({
    method: 'delete',
    path: '/recipes/{ref}',
    access: ofRef('recipe', 'no-such-recipe'),
    summary: 'Forget how a tag is built',
    params: RefParams,
    responses: { 204: null },
    problems: ['no-such-recipe'],
    details: null,
    async handle(d, { params }) {
      if (!(await removeRecipe(d, refOf(d, params.ref))))
        throw new ApiError('no-such-recipe', `${params.ref} has no recipe`)
      return { status: 204 }
    },
  }),
]
