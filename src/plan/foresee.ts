/**
 * in: how things stand below bases that have moved and tags whose recipe was changed, and the outside changes in question.
 * out: the nodes of the plan of each: what is going to be built for it, in which order, and what is not, and why.
 * guarantees: pure; played once, by the planner's own decisions (play.ts), so that what is foreseen is what will be done if nothing fails.
 */
import { type Played, type PreviewInput, type PreviewTag, play } from './play.ts'
import { byLevel, secondsOf } from './preview.ts'
import { type Decision, type PreviewNode, previewNode } from './preview-node.ts'
import { rootOf } from './root-of.ts'

/**
 * `level`: 1 is built first; null: not built, because of `because`; with both (`moves-along`) it moves with a build of another tag.
 * `seconds`: as builds before it took.
 */
export type ForeseenNode = {
  ref: string
  level: number | null
  because: Decision | null
  waitsFor: string[]
  seconds: number | null
}

export type Foreseen = { nodes: ForeseenNode[]; cycles: string[][]; seconds: number | null; cut: boolean }

/** All of them are played together, as all of them are built together: what two concern is in the plans of both. */
export function foresee(input: PreviewInput, roots: readonly string[]): Map<string, Foreseen> {
  const played = play(input)
  const tags = new Map(roots.map((root) => [root, [] as PreviewTag[]]))
  for (const tag of input.tags) for (const root of rootsIn(played, tag)) tags.get(root)?.push(tag)
  return new Map(roots.map((root) => [root, foreseen(played, root, tags.get(root)!)]))
}

/** The outside changes that concern a tag, now or in what is played. */
function rootsIn({ stage, causes }: Played, tag: PreviewTag): Set<string> {
  const built = stage.built.get(tag.ref)
  const all = [...(causes.get(tag.ref) ?? []), ...(built?.causes ?? []), ...tag.causes]
  const own = [built?.root ?? [], tag.recipeChange ?? []].flat()
  return new Set([...own, ...all.map((cause) => rootOf(cause, stage.pushes))])
}

function foreseen({ stage, causes, states, cycles, cut }: Played, root: string, tags: PreviewTag[]): Foreseen {
  const concerned = tags.flatMap((tag) => {
    const left = causes.get(tag.ref) ?? []
    const mine = left.map((cause) => ({ ...cause, old: cause.old && rootOf(cause, stage.pushes) !== root }))
    const end = { causes: mine, state: states?.get(tag.ref) ?? null, cycle: false }
    return previewNode(tag, end, stage) ?? []
  })
  const nodes = inOwnLevels(concerned.sort(byLevel))
  return {
    nodes: nodes.map(({ ref, level, decision, waitsFor, seconds }) => ({
      ...{ ref, level, waitsFor, seconds },
      because: decision === 'rebuild' ? null : decision,
    })),
    cycles: cycles.filter((cycle) => nodes.some(({ ref, level }) => level !== null && cycle.includes(ref))),
    seconds: secondsOf(nodes),
    cut,
  }
}

/** Counted from 1, without those in which only what others concern is built. */
function inOwnLevels(nodes: readonly PreviewNode[]): PreviewNode[] {
  const levels = [...new Set(nodes.flatMap(({ level }) => level ?? []))].sort((a, b) => a - b)
  const places = new Map(levels.map((level, i) => [level, i + 1]))
  return nodes.map((node) => (node.level === null ? node : { ...node, level: places.get(node.level)! }))
}
