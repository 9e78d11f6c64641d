import { z } from 'zod'
import { keyOfRef } from '../../access/key-of-ref.ts'
import { ofName } from '../access-of.ts'
import { sendDescendants } from '../descendants.ts'
import { findTag } from '../find-tag.ts'
import { lineage } from '../lineage.ts'
import { RefParams } from '../names.ts'
import { ApiError } from '../problem.ts'
import { pushPlan } from '../push-plan.ts'
import { route } from '../route.ts'
import { Lineage } from '../schemas/lineage.ts'
import { PushPlan } from '../schemas/plan.ts'
import { Why } from '../schemas/why.ts'
import { why } from '../why.ts'

/** What is worked out about a tag. A base outside has an answer too, and so has one that is known by name only. */
export const tagViewRoutes = [
  route({
    method: 'get',
    path: '/tags/{ref}/lineage',
    access: ofName('no-such-tag'),
    summary: 'What the tag is based on (up), or what is based on it (down)',
    params: RefParams,
    query: z.object({
      direction: z.enum(['up', 'down']).default('up'),
      depth: z.coerce.number().int().min(1).max(1000).optional().describe('levels; without it all of them'),
    }),
    responses: { 200: Lineage },
    problems: ['no-such-tag', 'no-such-registry'],
    async handle(d, { params, query, principal }) {
      const tag = await findTag(d, principal, params.ref)
      return { status: 200, body: await lineage(d, tag, { direction: query.direction, depth: query.depth ?? null }) }
    },
  }),
  route({
    method: 'get',
    path: '/tags/{ref}/descendants',
    access: ofName('no-such-tag'),
    summary: 'Every tag whose layers are based on those the tag has now, at any depth: lines of {ref, digest}',
    params: RefParams,
    responses: { 200: ['application/x-ndjson'] },
    problems: ['no-such-tag', 'no-such-registry'],
    async handle(d, { params, principal }, response) {
      const { digest } = await findTag(d, principal, params.ref)
      if (digest === null) throw new ApiError('no-such-tag', `${params.ref} is known by name only`)
      await sendDescendants(d, principal, digest, response)
      return null
    },
  }),
  route({
    method: 'get',
    path: '/tags/{ref}/why',
    access: ofName('no-such-tag'),
    summary: 'Why the tag is outdated, each cause followed to the change outside, and why it was last rebuilt',
    params: RefParams,
    responses: { 200: Why },
    problems: ['no-such-tag', 'no-such-registry'],
    async handle(d, { params, principal, mayIn }) {
      const tag = await findTag(d, principal, params.ref)
      return { status: 200, body: await why(d, principal, tag, mayIn('recipe', keyOfRef(d, tag.ref))) }
    },
  }),
  route({
    method: 'get',
    path: '/tags/{ref}/plan',
    access: ofName('no-such-tag'),
    summary: 'What a new push of the tag would rebuild, in which order, and who would be told; changes nothing',
    params: RefParams,
    responses: { 200: PushPlan },
    problems: ['no-such-tag', 'no-such-registry'],
    async handle(d, { params, principal }) {
      return { status: 200, body: await pushPlan(d, principal, await findTag(d, principal, params.ref)) }
    },
  }),
]
