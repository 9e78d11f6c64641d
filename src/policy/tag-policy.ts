import { z } from 'zod'
import { faultOfGlob } from './tag-globs.ts'

/** A glob over tag names. A bad one is refused with the reason. */
const Glob = z
  .string()
  .max(128)
  .superRefine((glob, ctx) => {
    const fault = faultOfGlob(glob)
    if (fault !== null) ctx.addIssue({ code: 'custom', message: fault })
  })
const Globs = z.array(Glob).max(100).default([])

/** Which tags of a namespace or a repository matter. What matters by default: everything. */
export const TagPolicy = z
  .strictObject({
    include: Globs.describe('patterns; a tag that matches none of them is ignored. Empty: all match'),
    exclude: Globs.describe('patterns; a tag that matches one of them is ignored'),
    keepNewest: z
      .int()
      .min(1)
      .max(10_000)
      .nullable()
      .default(null)
      .describe(
        'only so many matter, of tags that differ in their version alone, or by push of all. Floating tags do not count',
      ),
    keepBy: z.enum(['version', 'push']).default('version').describe('what newest means'),
    ignoreImmutable: z
      .boolean()
      .default(false)
      .describe('tags that are never pushed anew are ignored: full versions, dates, commits, and those of `immutable`'),
    immutable: Globs.describe('patterns of further tags that are never pushed anew'),
  })
  .meta({ id: 'TagPolicy' })
export type TagPolicy = z.infer<typeof TagPolicy>

/**
 * By which rule, of which scope's policy, a tag does not matter. `detail`: the pattern, or what the rule found. The built-in rules
 * `previous` and `candidate` come from a recipe; their scope is its tag.
 */
export const Ignored = z
  .object({
    rule: z.enum(['include', 'exclude', 'immutable', 'keepNewest', 'previous', 'candidate']),
    scope: z.string(),
    detail: z.string(),
  })
  .meta({ id: 'Ignored' })
export type Ignored = z.infer<typeof Ignored>
