import { z } from 'zod'
import { type Digest, isDigest } from '../../oci/digest.ts'
import { storable } from '../storable.ts'

const stepNames = ['host', 'checkout', 'build', 'push', 'cleanup'] as const
const Time = z.iso.datetime()
const DigestText = z.custom<Digest>(isDigest, 'must be a digest').meta({ type: 'string' })
/** Whatever a service says can be stored. */
const Text = z.string().overwrite(storable)
const Failure = z.object({ code: Text, message: Text, retryable: z.boolean() })

/** A build as a build service tells of it. */
export const RemoteBuild = z
  .object({
    id: z.string(),
    ref: z.string(),
    state: z.enum(['queued', 'running', 'succeeded', 'failed', 'cancelled']),
    builder: Text.nullable(),
    createdAt: Time,
    startedAt: Time.nullable(),
    finishedAt: Time.nullable(),
    steps: z.array(
      z.object({
        name: z.enum(stepNames),
        startedAt: Time,
        finishedAt: Time.nullable(),
        error: Failure.nullable(),
      }),
    ),
    host: z
      .object({ name: Text, driver: Text, provisionSeconds: z.number() })
      .nullable()
      .describe('where it runs; null: on the build service itself'),
    content: DigestText.nullable().describe('what the tag is about to be at, from before it moves'),
    previous: DigestText.nullable().describe('what the tag was at before; told with `content`'),
    commit: Text.nullable(),
    digest: DigestText.nullable().describe('what was pushed'),
    bases: z.array(
      z.object({
        name: Text.nullable(),
        digest: DigestText,
        role: z.enum(['runtime', 'build']),
        pinned: z.boolean(),
      }),
    ),
    error: Failure.nullable(),
  })
  .meta({ id: 'BuilderBuild' })
export type RemoteBuild = z.infer<typeof RemoteBuild>

const Steps = z.looseObject({ steps: z.array(z.looseObject({ name: z.string() })) })

/** Reads what a service tells. A newer one may tell more: fields and steps that are not known here are left out. */
export function parseRemoteBuild(body: unknown): z.ZodSafeParseResult<RemoteBuild> {
  const told = Steps.safeParse(body)
  if (!told.success) return RemoteBuild.safeParse(body)
  const known: readonly string[] = stepNames
  return RemoteBuild.safeParse({ ...told.data, steps: told.data.steps.filter(({ name }) => known.includes(name)) })
}

export const isOver = ({ state }: Pick<RemoteBuild, 'state'>): boolean => state !== 'queued' && state !== 'running'
