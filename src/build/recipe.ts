import { z } from 'zod'
import { isKeptTag, isStagingTag } from '../oci/own-tags.ts'
import { isTagName, parseReference } from '../oci/reference.ts'
import { isCron } from './cron.ts'
import { isGitRef, parseGitUrl } from './git-url.ts'
import { isPathGlob } from './path-globs.ts'

const relativePath = z
  .string()
  .max(1000)
  .refine(isRelativeInside, 'must be a relative path inside the checkout, without ".."')

const credentialName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/
const isCredential = 'must be the name of a credential of the namespace'

/** A tag that a recipe may name besides its own: not one that Drydock itself puts, and takes back from. */
const otherTag = z
  .string()
  .refine(isTagName, 'must be a tag name')
  .refine((tag) => !isKeptTag(tag), 'must not end in -prev: such tags keep what a tag was before')
  .refine((tag) => !isStagingTag(tag), 'must not end in .drydock: such tags come and go while a build is pushed')

const argName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'must be the name of a build argument')

/**
 * How a tag is built: the body of `PUT /recipes/REF`, with its defaults. `strategy: "dockerfile"` needs `git`; a rebase needs
 * no source. `on` says which bases count: those of the last stage, or all. `tags` move along with the tag itself.
 */
export const Recipe = z
  .strictObject({
    git: z
      .strictObject({
        url: z.string().min(1),
        ref: z.string().refine(isGitRef, 'must be a branch, tag or commit'),
        credential: z.string().regex(credentialName, isCredential).optional(),
        submodules: z
          .boolean()
          .default(false)
          .describe('check out submodules too, with the same credential where it fits'),
        lfs: z.boolean().default(false).describe('fetch what Git LFS keeps'),
      })
      .optional(),
    context: relativePath.default('.'),
    dockerfile: relativePath.default('Dockerfile'),
    args: z
      .record(
        argName,
        z
          .string()
          .max(10_000)
          .regex(/^[^\0]*$/),
      )
      .default({}),
    platforms: z
      .array(z.string().regex(/^[a-z0-9]+\/[a-z0-9_]+(\/[a-z0-9.]+)?$/, 'must be os/architecture'))
      .default([]),
    target: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/, 'must be the name or number of a stage')
      .optional(),
    secrets: z
      .array(
        z.strictObject({
          id: z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$/, 'must be the id of a build secret'),
          credential: z.string().regex(credentialName, isCredential),
        }),
      )
      .max(20)
      .default([])
      .describe('for RUN --mount=type=secret: the password of a credential of the namespace'),
    machine: z.string().regex(credentialName, 'must be the name of a machine profile').optional(),
    strategy: z.enum(['dockerfile', 'rebase']).default('dockerfile'),
    auto: z.boolean().default(false),
    on: z.enum(['runtime', 'all']).default('runtime'),
    base: z
      .string()
      .refine((text) => parseReference(text)?.tag != null, 'must be a reference with a tag')
      .optional(),
    tags: z.array(otherTag).max(50).default([]),
    pushTo: otherTag.optional().describe('a candidate tag, pushed before the tag itself moves'),
    verify: z
      .array(
        z
          .string()
          .min(1)
          .max(10_000)
          .regex(/^[^\0]*$/),
      )
      .min(1)
      .max(100)
      .optional()
      .describe('a command run in what was built; unless it exits with 0 the tag does not move'),
    keepPrevious: z.boolean().default(true).describe('what the tag pointed at before is kept under TAG-prev'),
    schedule: z
      .string()
      .max(200)
      .refine(isCron, 'must be five cron fields, in UTC')
      .optional()
      .describe('built at these times too, whatever moved'),
    gitPush: z
      .union([
        z.literal(false),
        z.strictObject({
          paths: z
            .array(
              z.string().max(500).refine(isPathGlob, 'must be a pattern over paths from the top of the repository'),
            )
            .max(100)
            .default([]),
        }),
      ])
      .optional()
      .describe(
        'which pushes to the git repository build it: none, or those that touch one of these globs; default: every one where `auto` is set',
      ),
  })
  .refine((r) => r.strategy !== 'dockerfile' || r.git !== undefined, {
    path: ['git'],
    message: 'strategy "dockerfile" needs git: {url, ref}',
  })
  .refine((r) => new Set(r.platforms).size === r.platforms.length, {
    path: ['platforms'],
    message: 'names a platform twice',
  })
  .refine((r) => r.strategy === 'dockerfile' || r.verify === undefined, {
    path: ['verify'],
    message: 'needs strategy "dockerfile": a rebase runs nothing',
  })
export type Recipe = z.infer<typeof Recipe>

/** One thing wrong with a recipe: where, a stable code, and words for a person. */
export type RecipeFault = { path: string; code: string; message: string }

export type ParsedRecipe = { ok: true; recipe: Recipe } | { ok: false; faults: RecipeFault[] }

/** Reads a recipe from outside and reports every fault at once. `gitProtocols` is the installation's allow-list. */
export function parseRecipe(input: unknown, policy: { gitProtocols: readonly string[] }): ParsedRecipe {
  const parsed = Recipe.safeParse(input)
  if (!parsed.success) {
    const faults = parsed.error.issues.map((issue) => ({
      path: issue.path.join('.'),
      code: 'recipe-invalid',
      message: issue.message,
    }))
    return { ok: false, faults }
  }
  const git = parsed.data.git
  const address = git ? parseGitUrl(git.url, policy.gitProtocols) : null
  if (address && 'code' in address) return { ok: false, faults: [{ path: 'git.url', ...address }] }
  return { ok: true, recipe: parsed.data }
}

function isRelativeInside(path: string): boolean {
  if (path === '' || path.startsWith('/') || path.startsWith('-') || /[\0\r\n\\]/.test(path)) return false
  return !path.split('/').includes('..')
}
