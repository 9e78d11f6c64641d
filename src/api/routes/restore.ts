import { z } from 'zod'
import { restoreTag } from '../../build/restore.ts'
import { RegistryError } from '../../registry/registry-error.ts'
import { ofRef } from '../access-of.ts'
import { RefParams, refOf } from '../names.ts'
import { ApiError } from '../problem.ts'
import { route } from '../route.ts'
import { Digest } from '../schemas/tag.ts'

const Restored = z
  .object({
    ref: z.string(),
    digest: Digest.describe('where the tag is now'),
    moved: z
      .array(z.object({ ref: z.string(), from: Digest.nullable(), to: Digest }))
      .describe('every tag that was moved: the tag, those that move along with it, and TAG-prev'),
  })
  .meta({ id: 'RestoredTag' })

const why = {
  'no-such-tag': (ref: string) => `the registry has no ${ref}`,
  'no-previous': (ref: string) => `nothing is kept of what ${ref} was before: there is no tag of its name with -prev`,
  'at-previous': (ref: string) => `${ref} is at what it was before already`,
  'build-running': (ref: string) => `a build of ${ref} runs: cancel it or let it end`,
}

export const restoreRoutes = [
  route({
    method: 'post',
    path: '/tags/{ref}/restore',
    access: ofRef('build', 'no-such-tag'),
    summary: 'Put a tag back at what it was before a build moved it (TAG-prev); the two change places',
    params: RefParams,
    responses: { 200: Restored },
    problems: ['no-such-registry', 'no-such-tag', 'no-previous', 'at-previous', 'build-running', 'registry-failed'],
    details: null,
    async handle(d, { params }) {
      const ref = refOf(d, params.ref)
      const done = await restoreTag(d, ref).catch((cause: unknown) => {
        if (!(cause instanceof RegistryError)) throw cause
        throw Object.assign(new ApiError('registry-failed', cause.message), { cause })
      })
      if (done.kind !== 'restored') throw new ApiError(done.kind, why[done.kind](ref))
      return { status: 200, body: { ref, digest: done.moved[0]!.to, moved: done.moved } }
    },
  }),
]
