import { z } from 'zod'

/** A stored recipe: what PUT was given, with the defaults (src/build/recipe.ts has the rules of what may be put). */
export const RecipeView = z
  .object({
    git: z.object({ url: z.string(), ref: z.string(), credential: z.string().optional() }).optional(),
    context: z.string(),
    dockerfile: z.string(),
    args: z.record(z.string(), z.string()),
    platforms: z.array(z.string()),
    strategy: z.enum(['dockerfile', 'rebase']),
    auto: z.boolean(),
    on: z.enum(['runtime', 'all']).describe('which bases count'),
    base: z.string().optional(),
    tags: z.array(z.string()).describe('further tags of the repository to move along'),
  })
  .meta({ id: 'StoredRecipe' })
