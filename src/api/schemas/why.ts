import { z } from 'zod'
import { Build } from './build.ts'
import { Cause, Digest, Rebuild, Status, TagStatus, Time } from './tag.ts'

const Step = z
  .object({
    ref: z.string(),
    digest: Digest.nullable(),
    status: Status.nullable(),
    rebuild: Rebuild.nullable().describe('null: the tag is withheld'),
  })
  .meta({ id: 'WhyStep' })

/** A cause with the way from the tag to the root. */
export const WhyChain = Cause.extend({
  counted: z.boolean().describe('false: shown only; it makes nothing outdated'),
  pinned: z.boolean().describe('the FROM names a digest: rebuilding cannot help'),
  since: Time.describe('when this began: the later of the move and the push of the tag'),
  movedAt: Time.nullable().describe('when the root came to what it is now; null: not known'),
  through: z.array(Step).describe('the tags it came through, nearest first; empty: the root itself is the base'),
}).meta({ id: 'WhyChain' })

export const Why = z
  .object({
    ref: z.string(),
    tag: TagStatus.nullable().describe('null: it is known only as a base of others'),
    watch: z
      .object({ askedAt: Time.nullable(), nextAt: Time, error: z.string().nullable() })
      .nullable()
      .describe('where it is on a registry that is only watched: when that was asked for it last, and what failed'),
    chains: z.array(WhyChain),
    builds: z
      .array(Build)
      .describe('the build that made the present head, then the one that made the base it was built for, and so on'),
  })
  .meta({ id: 'Why' })
export type Why = z.infer<typeof Why>
