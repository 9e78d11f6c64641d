import type { PlanCause } from './assemble-plan.ts'
import type { PreviewEdge, PreviewTag, Stage } from './play.ts'

/** A counted cause as it would be. `old`: the push that is looked at has nothing to do with it. */
export type RestCause = PlanCause & { old: boolean }

/**
 * Why each tag would be outdated at this stage, by the judge's rules (src/staleness/inherit.ts): one cause a root and role, a direct
 * one before an inherited one, else the smallest `via`; a tag is never the root of its own. Bases first; the least fixed point in a cycle.
 */
export function causesNow(stage: Stage, tags: ReadonlyMap<string, PreviewTag>): Map<string, RestCause[]> {
  const causes = new Map<string, RestCause[]>()
  for (const group of stage.groups)
    for (let grown = true; grown; ) {
      grown = false
      for (const ref of group) {
        const tag = tags.get(ref)
        if (!tag) continue
        const found = causesOf(tag, { stage, tags, causes })
        grown ||= group.length > 1 && found.length > (causes.get(ref)?.length ?? 0)
        causes.set(ref, found)
      }
    }
  return causes
}

/** What stands for the digest that a tag has after a round. */
export const digestOf = (ref: string, level: number): string => `${ref} after ${level}`

type Around = { stage: Stage; tags: ReadonlyMap<string, PreviewTag>; causes: ReadonlyMap<string, RestCause[]> }

function causesOf(tag: PreviewTag, around: Around): RestCause[] {
  const edges = tag.edges.filter((edge) => edge.counted && !edge.unknown && edge.base !== tag.ref)
  const causes = new Map<string, RestCause>()
  for (const edge of edges)
    if (hasLeft(tag, edge.base, around.stage)) causes.set(`${edge.base} ${edge.role}`, directCause(tag, edge, around))
  const old = oldCauses(tag, around)
  const gone = new Set(old.filter((cause) => cause.via === null).map((cause) => cause.base))
  for (const edge of edges.filter(({ base }) => !hasLeft(tag, base, around.stage) && !gone.has(base)).sort(byBase))
    for (const root of around.causes.get(edge.base) ?? []) {
      const key = `${root.base} ${edge.role}`
      const isDirect = gone.has(root.base) && edges.some((own) => own.base === root.base && own.role === edge.role)
      if (root.base !== tag.ref && !isDirect && !causes.has(key))
        causes.set(key, inheritedCause(tag, edge, root, around))
    }
  const roots = new Set([...causes.values()].filter((cause) => cause.via === null).map((cause) => cause.base))
  return [...causes.values(), ...old.filter((cause) => !roots.has(cause.base))]
}

const byBase = (a: PreviewEdge, b: PreviewEdge): number => (a.base < b.base ? -1 : 1)

/** The base is not what the tag was built on: it moved since, in the rounds that are played. */
const hasLeft = (tag: PreviewTag, base: string, { moves, used }: Stage): boolean =>
  moves.get(base) !== used.get(tag.ref)?.get(base)

function directCause(tag: PreviewTag, edge: PreviewEdge, { stage }: Around): RestCause {
  const to = digestOf(edge.base, stage.moves.get(edge.base)!)
  const ambiguous = rivalsOf(tag, edge, stage).some((rival) => !stage.moves.has(rival))
  return {
    base: edge.base,
    from: null,
    to,
    via: null,
    confidence: ambiguous ? 'ambiguous' : sure(edge),
    pinned: edge.pinned,
    since: 0n,
    old: false,
  }
}

/** Ambiguous where another name, still at that content, is free of the root. */
function inheritedCause(tag: PreviewTag, edge: PreviewEdge, root: RestCause, { stage, causes }: Around): RestCause {
  const isFree = (rival: string) =>
    !stage.moves.has(rival) && !causes.get(rival)?.some((cause) => cause.base === root.base)
  const ambiguous = rivalsOf(tag, edge, stage).some(isFree)
  return {
    ...root,
    platforms: [],
    via: edge.base,
    confidence: ambiguous ? 'ambiguous' : sure(edge),
    pinned: edge.pinned,
  }
}

/** A build of ours names what it was built on. */
const rivalsOf = (tag: PreviewTag, edge: PreviewEdge, { built }: Stage): string[] =>
  built.has(tag.ref) ? [] : edge.rivals

const sure = (edge: PreviewEdge): RestCause['confidence'] => (edge.confidence === 'declared' ? 'declared' : 'inferred')

/**
 * Causes that are stored and that this push does not change: not those that come through a tag looked at here, or one about to change
 * anyway, nor any of a tag that was rebuilt.
 */
const oldCauses = (tag: PreviewTag, { stage, tags }: Around): RestCause[] => {
  const isPushed = (ref: string) => ref === stage.input.ref && stage.moves.has(ref)
  const isAnew = (ref: string) => isPushed(ref) || tags.has(ref) || stage.input.pending.has(ref)
  if (stage.built.has(tag.ref)) return []
  return tag.causes
    .filter(({ base, via }) => (via === null ? !stage.moves.has(base) : !isAnew(via)))
    .map((cause) => ({ ...cause, old: true }))
}
