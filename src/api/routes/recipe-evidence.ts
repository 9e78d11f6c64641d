import { z } from 'zod'
import { loadProposal } from '../../build/load-proposal.ts'
import { getRecipe } from '../../build/recipes.ts'
import { ofRef } from '../access-of.ts'
import { RefParams, refOf } from '../names.ts'
import { ApiError } from '../problem.ts'
import { route } from '../route.ts'
import { ProposalView, Reading } from '../schemas/recipe.ts'

/** What the evidence says of recipes, and recipes as evidence. */
export const recipeEvidenceRoutes = [
  route({
    method: 'get',
    path: '/recipes/{ref}/proposal',
    access: ofRef('recipe', 'no-such-tag'),
    summary: 'A recipe from what the tag says it was built from; PUT it to accept',
    params: RefParams,
    responses: { 200: ProposalView },
    problems: ['no-such-tag', 'no-proposal'],
    async handle(d, { params }) {
      const ref = refOf(d, params.ref)
      const proposal = await loadProposal(d, ref)
      if (proposal === 'no-such-tag') throw new ApiError('no-such-tag', `${ref} is not known, or was deleted`)
      if (!proposal)
        throw new ApiError('no-proposal', `neither provenance nor annotations of ${ref} say what it was built from`)
      const evidence = proposal.evidence.map(({ evidence, subject, source, url, revision }) => ({
        ...{ evidence, subject, source, url, revision },
      }))
      const exists = (await getRecipe(d, ref)) !== null
      return { status: 200, body: { ref, exists, ...proposal, evidence } }
    },
  }),
  route({
    method: 'get',
    path: '/recipes/{ref}/reading',
    access: ofRef('recipe', 'no-such-recipe'),
    summary: "How a recipe's Dockerfile was last read for the bases it names",
    params: RefParams,
    responses: { 200: z.object({ reading: Reading.nullable().describe('null: not read yet') }) },
    problems: ['no-such-recipe'],
    async handle(d, { params }) {
      const found = await getRecipe(d, refOf(d, params.ref))
      if (!found) throw new ApiError('no-such-recipe', `${params.ref} has no recipe`)
      return { status: 200, body: { reading: found.reading } }
    },
  }),
]
