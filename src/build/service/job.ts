import { createHash } from 'node:crypto'
import { z } from 'zod'
import { type Digest, isDigest } from '../../oci/digest.ts'
import { parseReference } from '../../oci/reference.ts'
import { Recipe } from '../recipe.ts'

const DigestText = z.custom<Digest>(isDigest, 'must be a digest like sha256:…').meta({ type: 'string' })

/** What a tracker sends: one whole build. `platforms` are what is built, whatever the recipe says; `credentials` are sealed (seal.ts). */
export const RemoteJob = z
  .strictObject({
    id: z.uuid().describe('the build, as the tracker names it: sent again it is the same build'),
    ref: z
      .string()
      .max(700)
      .refine((text) => parseReference(text)?.tag != null && parseReference(text)?.digest == null, 'must be a tag')
      .describe('host/repository:tag to push'),
    recipe: Recipe,
    bases: z
      .array(z.strictObject({ name: z.string().min(1).max(700), digest: DigestText }))
      .max(1000)
      .describe('what these names are to be taken as; others are asked for'),
    platforms: Recipe.shape.platforms.unwrap().max(100).describe('what is built; none: the platform of the host'),
    credentials: z
      .string()
      .max(4_000_000)
      .regex(/^[\w-]+\.\.[\w-]+\.[\w-]+\.[\w-]+$/, 'must be a compact JWE with alg "dir"')
      .describe('sealed to the builder (docs/design/build-service.md)'),
    annotations: z.record(z.string().min(1).max(300), z.string().max(10_000)).optional(),
  })
  .meta({ id: 'BuilderJob' })
export type RemoteJob = z.infer<typeof RemoteJob>

/** A job without its credentials, in one form: those are sealed anew each time, and the job is the same. */
export function jobKey({ credentials: _, ...job }: RemoteJob): string {
  return `job:${createHash('sha256').update(canonical(job)).digest('hex')}`
}

/** JSON in which the order of names does not matter. */
const canonical = (value: unknown): string =>
  JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )

/** What is kept of it in Build.job; `credentials` only until the build is over. */
export const StoredJob = RemoteJob.pick({ bases: true, platforms: true, annotations: true }).extend({
  credentials: z.string().optional(),
})
export type StoredJob = z.infer<typeof StoredJob>
