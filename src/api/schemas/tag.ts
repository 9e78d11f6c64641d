import { z } from 'zod'
import { Ignored } from '../../policy/tag-policy.ts'
import { RecipeView } from './recipe.ts'

export const Digest = z.string().describe('sha256:…')
export const Time = z.string().describe('ISO 8601, UTC')
export const Role = z.enum(['runtime', 'build', 'unknown'])
export const Evidence = z.enum(['build', 'provenance', 'annotation', 'label', 'recipe', 'layers'])
export const Confidence = z.enum(['declared', 'inferred', 'ambiguous'])
export const Status = z.enum(['current', 'outdated', 'unknown', 'artifact'])

export const Cause = z
  .object({
    base: z.string().describe('the root cause: the name that moved'),
    from: Digest.nullable().describe('its head as this tag has it'),
    to: Digest.describe('its head now'),
    role: Role,
    evidence: z.array(Evidence),
    confidence: Confidence,
    stillAt: z.array(z.string()).describe('names still at the content this tag is based on'),
    via: z.string().nullable().describe('the nearest outdated base an inherited cause comes through'),
    platforms: z.array(z.string()),
  })
  .meta({ id: 'Cause' })

export const Rebuild = z
  .object({
    state: z.enum([
      'none',
      'manual',
      'pinned',
      'settling',
      'waiting',
      'approval',
      'paused',
      'queued',
      'running',
      'failed',
    ]),
    build: z.string().nullable(),
    waitsFor: z.array(z.string()),
    because: z
      .string()
      .optional()
      .describe('why it waits or is left as it is, or when it is tried again, in words; only where that is not plain'),
    movesWith: z
      .string()
      .optional()
      .describe(
        'the tag whose recipe moves this one along (`tags`), without a build of its own: all this is of that tag',
      ),
  })
  .meta({ id: 'Rebuild' })

const ignored = Ignored.nullable().describe('by which policy it does not matter; null: it does')

export const Snoozed = z.object({ reason: z.string(), expiresAt: Time, by: z.string() }).meta({ id: 'Snoozed' })
const snoozed = Snoozed.nullable().describe(
  'neither mailed nor rebuilt by itself until then: the tag, or all it is outdated by',
)

/** Refs. It says nothing of being outdated, and starts nothing. */
export const NewerBase = z
  .object({
    base: z.string(),
    newer: z.string().nullable().describe('the newest tag of the same shape, within the same major version'),
    newest: z.string().nullable().describe('the newest of all, where that is another one'),
  })
  .meta({ id: 'NewerBase' })

export const NewerTag = z.object({ ref: z.string(), newer: z.array(NewerBase) }).meta({ id: 'NewerTag' })

export const OutdatedTag = z
  .object({
    ref: z.string(),
    digest: Digest,
    platforms: z.array(z.string()).describe('the outdated ones'),
    outdatedSince: Time,
    causes: z.array(Cause),
    rebuild: Rebuild,
    ignored,
    snoozed,
  })
  .meta({ id: 'OutdatedTag' })

export const Base = z
  .object({
    ref: z.string().nullable(),
    digest: Digest.nullable(),
    role: Role,
    evidence: z.array(Evidence),
    confidence: Confidence,
    pinned: z.boolean(),
  })
  .meta({ id: 'Base' })

export const Because = z
  .object({
    reason: z.enum([
      'base-absent',
      'platform-absent',
      'base-unreachable',
      'base-unnamed',
      'digest-unknown',
      'unresolved-arg',
      'unreadable',
    ]),
    base: z.string().nullable(),
    platform: z.string(),
  })
  .meta({ id: 'Because' })

export const TagStatus = z
  .object({
    ref: z.string(),
    status: Status.nullable().describe('null: not judged yet'),
    because: z.array(Because).nullable().describe('what could not be judged, and why; null: nothing'),
    digest: Digest,
    pushedAt: Time,
    platforms: z.array(z.object({ platform: z.string(), digest: Digest, status: Status, bases: z.array(Base) })),
    causes: z.array(Cause),
    disagreements: z.array(
      z.object({ platform: z.string(), base: z.string().nullable(), evidence: z.array(Evidence) }),
    ),
    recipe: RecipeView.nullable().describe('null: none, or it is not the reader’s to see'),
    rebuild: Rebuild,
    ignored,
    snoozed,
    newer: z.array(NewerBase).describe('bases of which a later version is there under a tag of its own'),
  })
  .meta({ id: 'Tag' })

export const TagSummary = z
  .object({
    ref: z.string(),
    status: Status.nullable(),
    digest: Digest,
    pushedAt: Time,
    outdatedSince: Time.nullable(),
    ignored,
  })
  .meta({ id: 'TagSummary' })

export const HistoryItem = z
  .object({
    digest: Digest,
    from: Time,
    to: Time.nullable(),
    exact: z.boolean().describe('false: found so at `from`, true since earlier'),
  })
  .meta({ id: 'HistoryItem' })
