import type { PlanTag } from './assemble-plan.ts'
import { isCertain } from './triggers.ts'

/**
 * `cycle`: the tags of its cycle. `hasRoot`: a tag is outdated because that base moved, on one of these platforms. `isOutside`: nobody
 * here can do anything about how it lags.
 */
type Around = {
  cycle: ReadonlySet<string>
  hasRoot: (ref: string, root: string, platforms: readonly string[]) => boolean
  isOutside: (ref: string) => boolean
}

/**
 * Every outdated base of a tag that has not moved itself, whether or not it will ever be rebuilt: nothing is built on a stale base.
 * `free`: the tag has a cause of its own; then it does not wait for bases that are not certain, nor for the rest of its cycle, nor for
 * what lags outside: who knows when that moves, and it is built again then.
 */
export function staleBases(tag: PlanTag, free: boolean, around: Around): string[] {
  const vias = tag.causes.flatMap((cause) => (cause.via === null || cause.pinned ? [] : [{ via: cause.via, cause }]))
  if (!free) return vias.map(({ via }) => via)
  const certain = vias.filter(({ via, cause }) => isCertain(tag, via, cause)).map(({ via }) => via)
  return [...certain, ...hidden(tag, around)].filter((base) => !around.cycle.has(base) && !around.isOutside(base))
}

/** All that a tag is outdated by comes through bases outside that lag behind theirs: building it, or asking its owners to, mends nothing. */
export function lagsOutside(tag: PlanTag, around: Around): boolean {
  const causes = tag.causes.filter((cause) => !cause.pinned)
  const isThere = ({ via }: { via: string | null }) => via !== null && around.isOutside(via)
  return causes.length > 0 && causes.every(isThere) && hidden(tag, around).every(around.isOutside)
}

/**
 * Those that no cause shows: a verdict has one cause a root, by the shortest way. A base that is outdated by a root which the tag has
 * by another way is as stale, and would be shown as soon as that other way is mended.
 */
function hidden(tag: PlanTag, around: Around): string[] {
  const hasRoot = (base: string, root: string) => around.hasRoot(base, root, tag.platforms ?? [])
  const roots = [...new Set(tag.causes.map((cause) => cause.base))]
  const moved = new Set(tag.causes.flatMap((cause) => (cause.via === null ? [cause.base] : [])))
  const doubtful = (tag.doubtful ?? []).filter((base) => !moved.has(base))
  const isSure = (base: string, root: string) =>
    !doubtful.includes(base) ||
    isCertain(tag, base, { confidence: 'ambiguous' }) ||
    doubtful.every((other) => hasRoot(other, root))
  const isShown = (base: string, root: string) => tag.causes.some((cause) => cause.base === root && cause.via === base)
  const isHidden = (base: string, root: string) =>
    root !== tag.ref && hasRoot(base, root) && !isShown(base, root) && isSure(base, root)
  return tag.bases.filter((base) => base !== tag.ref && !moved.has(base) && roots.some((root) => isHidden(base, root)))
}
