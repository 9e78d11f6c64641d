import { z } from 'zod'
import { doubtCodes } from '../../build/propose-recipe.ts'
import { Recipe } from '../../build/recipe.ts'

/** A stored recipe: what PUT was given, with the defaults. */
export const RecipeView = z.object(Recipe.shape).meta({ id: 'StoredRecipe' })

/** How a recipe's Dockerfile was last read as evidence. */
export const Reading = z
  .object({
    digest: z.string().describe('the head of the tag it was read for'),
    commit: z.string().nullable().describe('null: not fetched, as our own build says more, or it failed'),
    at: z.string().describe('ISO 8601, UTC'),
    error: z.object({ code: z.string(), message: z.string() }).nullable(),
    attempts: z.int().describe('failures in a row'),
    nextAt: z.string().nullable().describe('when it is tried again'),
  })
  .meta({ id: 'Reading' })

/** A recipe that the evidence suggests. */
export const ProposalView = z
  .object({
    ref: z.string(),
    exists: z.boolean().describe('the tag has a recipe already'),
    acceptable: z.boolean().describe('PUT /recipes/REF takes `recipe` as it is'),
    recipe: z
      .object({
        git: z.object({ url: z.string(), ref: z.string(), credential: z.string().optional() }),
        context: z.string(),
        dockerfile: z.string(),
        args: z.record(z.string(), z.string()),
        strategy: z.literal('dockerfile'),
        platforms: z.array(z.string()).optional(),
        target: z.string().optional(),
      })
      .describe('a body for PUT /recipes/REF'),
    evidence: z
      .array(
        z.object({
          evidence: z.enum(['provenance', 'annotation', 'label']),
          subject: z.string().describe('digest of the manifest or index it speaks of'),
          source: z.string().describe('digest of what says it'),
          url: z.string().describe('as said'),
          revision: z.string().nullable(),
        }),
      )
      .describe('what it rests on, the strongest first'),
    doubts: z
      .array(
        z.object({
          path: z.string().describe('the field of the recipe, or empty'),
          code: z.enum(doubtCodes),
          message: z.string(),
        }),
      )
      .describe('what is missing or not certain'),
  })
  .meta({ id: 'Proposal' })
