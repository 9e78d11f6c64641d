import type { ResolvedBase } from './builders/builder.ts'
import type { BuildReason } from './request.ts'

/** What is read of the verdict after a build. */
export type CauseAfter = { base: string; toDigest: string; via: string | null; counted: boolean }

/**
 * The cause that a finished build should have taken away and has not: the base itself moved, and stands where it stood when we
 * built on it (or where the move that started us left it). A base that moved on meanwhile is another matter, and so is a base that is
 * itself outdated: both are planned anew. Null = the build did what it was for.
 */
export function stillOutdated(
  causes: readonly CauseAfter[],
  bases: readonly ResolvedBase[],
  reason: BuildReason,
): CauseAfter | null {
  const builtOn = (cause: CauseAfter) =>
    bases.some((base) => base.name === cause.base && base.digest === cause.toDigest) ||
    (reason.base === cause.base && reason.to === cause.toDigest)
  return causes.find((cause) => cause.counted && cause.via === null && builtOn(cause)) ?? null
}
