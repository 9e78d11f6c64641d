import { createHash } from 'node:crypto'
import type { Recipe } from './recipe.ts'

/** What a build rests on. `content` stands for what a base is now: its releases, or its digest where those are not known. */
export type BuildInputs = {
  recipe: Recipe
  bases: readonly { name: string; content: string | null }[]
}

/**
 * The key of a build: equal inputs have equal keys, in whatever order the bases are given. Of the recipe counts what changes the
 * result, not `auto`, `on` or which credential fetches it. Docker's official images key their builds in the same way.
 */
export function buildKey({ recipe, bases }: BuildInputs): string {
  const inputs = { ...recipePart(recipe), bases: sorted(bases.map(({ name, content }) => [name, content])) }
  return createHash('sha256').update(JSON.stringify(inputs)).digest('hex')
}

/** Whether two recipes build the same from the same bases. Both as this version reads them: one that it reads anew is not another. */
export const buildsTheSame = (one: Recipe, other: Recipe): boolean =>
  JSON.stringify(recipePart(one)) === JSON.stringify(recipePart(other))

function recipePart(recipe: Recipe) {
  const { git, context, dockerfile, args, platforms, strategy, base, tags, target, secrets } = recipe
  return {
    git: git ? [git.url, git.ref] : null,
    // only where they are used, so that keys of recipes without them stay what they were
    ...(git?.submodules ? { submodules: true } : {}),
    ...(git?.lfs ? { lfs: true } : {}),
    ...(target === undefined ? {} : { target }),
    ...(secrets.length === 0 ? {} : { secrets: sorted(secrets.map(({ id, credential }) => [id, credential])) }),
    context,
    dockerfile,
    args: sorted(Object.entries(args)),
    platforms: [...platforms].sort(),
    strategy,
    base: base ?? null,
    tags: [...tags].sort(),
  }
}

const sorted = <T>(items: readonly T[]): T[] =>
  [...items].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
