import { z } from 'zod'
import { isTagName, parseReference } from '../oci/reference.ts'
import { isGitRef, parseGitUrl } from './git-url.ts'

const relativePath = z
  .string()
  .max(1000)
  .refine(isRelativeInside, 'must be a relative path inside the checkout, without ".."')

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
        credential: z
          .string()
          .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, 'must be the name of a credential of the namespace')
          .optional(),
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
    strategy: z.enum(['dockerfile', 'rebase']).default('dockerfile'),
    auto: z.boolean().default(false),
    on: z.enum(['runtime', 'all']).default('runtime'),
    base: z
      .string()
      .refine((text) => parseReference(text)?.tag != null, 'must be a reference with a tag')
      .optional(),
    tags: z.array(z.string().refine(isTagName, 'must be a tag name')).max(50).default([]),
  })
  .refine((r) => r.strategy !== 'dockerfile' || r.git !== undefined, {
    path: ['git'],
    message: 'strategy "dockerfile" needs git: {url, ref}',
  })
  .refine((r) => r.platforms.length <= 1, {
    path: ['platforms'],
    message: "more than one platform cannot be built yet: name one, or none for the builder's own",
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
