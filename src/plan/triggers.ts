import type { OwnPush, PlanCause, PlanTag } from './assemble-plan.ts'

/** Why a direct cause starts no build by itself. tried: we have just built on exactly that. cycle: our own build of this very tag brought it about. */
export type Bar = 'pinned' | 'ambiguous' | 'tried' | 'cycle'

export type Judged = { cause: PlanCause; bar: Bar | null }

/** What of a cycle has to be known: its other members, and what our builds pushed. */
type Around = { cycle: ReadonlySet<string>; pushes: ReadonlyMap<string, OwnPush> }

/** The direct causes of a tag, each with what speaks against a build for it; the oldest first. */
export function judgeTriggers(tag: PlanTag, around: Around): Judged[] {
  return tag.causes
    .filter((cause) => cause.via === null)
    .sort((a, b) => (a.since < b.since ? -1 : a.since > b.since ? 1 : a.base < b.base ? -1 : 1))
    .map((cause) => ({ cause, bar: barOf(tag, cause, around) }))
}

function barOf(tag: PlanTag, cause: PlanCause, around: Around): Bar | null {
  if (cause.pinned) return 'pinned'
  if (!isCertain(tag, cause.base, cause)) return 'ambiguous'
  if (wasTried(tag, cause)) return 'tried'
  return isOwnDoing(tag, cause, around) ? 'cycle' : null
}

/** An ambiguous cause counts as certain where the recipe, a push of ours or another declaration names the base it comes from. */
export function isCertain(tag: PlanTag, base: string, cause: Pick<PlanCause, 'confidence'>): boolean {
  if (cause.confidence !== 'ambiguous') return true
  return (
    tag.recipe?.base === base ||
    tag.declared.includes(base) ||
    tag.builds.some((build) => build.digest !== null && build.bases.some(({ name }) => name === base))
  )
}

/** The tag is (or was put back from) what our latest push made of exactly this head of the base, or in vain because of it: another build makes the same. */
function wasTried(tag: PlanTag, cause: PlanCause): boolean {
  if (tag.stand === 'overtaken') return false
  const pushed = tag.builds.find((build) => build.digest !== null)
  if (!pushed?.finishedAt) return false
  if (pushed.code === 'still-outdated' && pushed.reason.base === cause.base && pushed.reason.to === cause.to)
    return true
  return pushed.bases.some(({ name, digest }) => name === cause.base && digest === cause.to)
}

/**
 * A cycle is built once a cause. The base was pushed by a build that goes back, build by build, to one of this tag; or by one
 * that shares its outside change with this tag's latest, and the two are in one cycle. The first alone makes every chain of builds
 * end: none goes through a tag twice.
 */
function isOwnDoing(tag: PlanTag, cause: PlanCause, { cycle, pushes }: Around): boolean {
  const push = pushes.get(cause.to)
  if (!push) return false
  if (push.chain.includes(tag.ref)) return true
  const latest = tag.builds.find((build) => build.state === 'succeeded')
  return cycle.has(cause.base) && latest?.root === push.root
}
