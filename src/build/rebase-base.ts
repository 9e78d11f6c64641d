import { BuildError } from './build-error.ts'

/** The base a rebase replaces: its name, and the digest the child is known to be built on, where it is known. */
export type RebaseBase = { name: string; oldDigest: string | null }

/** What is read of a verdict (Tag.platforms). */
export type JudgedPlatform = {
  bases: { ref: string | null; digest: string | null; role: string; pinned: boolean }[]
}

/**
 * Which base a rebase is of: the recipe's own, else the one name among the runtime bases. Errors: `ambiguous-base` (several names:
 * choosing one is for a person), `base-unnamed`, `base-pinned`.
 */
export function chooseBase(recipeBase: string | null, platforms: readonly JudgedPlatform[]): RebaseBase {
  const rows = platforms.flatMap((platform) => platform.bases).filter((base) => base.role === 'runtime')
  const names = [...new Set(rows.flatMap((row) => row.ref ?? []))].sort()
  const name = recipeBase ?? names[0]
  if (!name) throw new BuildError('base-unnamed', 'no tag names its base: say which in the recipe (`base`)')
  if (!recipeBase && names.length > 1) {
    throw new BuildError(
      'ambiguous-base',
      `several tags may be its base: ${names.join(', ')}; say which in the recipe (\`base\`)`,
    )
  }
  const own = rows.filter((row) => row.ref === name)
  if (!recipeBase && own.some((row) => row.pinned)) {
    throw new BuildError(
      'base-pinned',
      `its base ${name} is pinned to a digest: say in the recipe (\`base\`) to move it`,
    )
  }
  return { name, oldDigest: own.find((row) => row.digest !== null)?.digest ?? null }
}
