/**
 * in: a tag, all that is based on it at any depth, with recipes, and how the rest of the estate stands.
 * out: what a new push of that tag would set off: for each dependent whether it is rebuilt, in which order, or why it is not.
 * guarantees: pure; the planner itself decides (play.ts). Nothing is assumed to fail, and the new content to be a release that nobody
 * had before.
 */
import { type PreviewInput, play } from './play.ts'
import { type PreviewNode, previewNode } from './preview-node.ts'

export type { PreviewEdge, PreviewInput, PreviewTag, Stage } from './play.ts'

/** `seconds`: until the last build has ended, with builders enough; null where some of these were never seen. `cut`: there are more levels. */
export type Preview = { nodes: PreviewNode[]; cycles: string[][]; seconds: number | null; cut: boolean }

export function preview(input: PreviewInput): Preview {
  const { stage, causes, states, cycles, cut } = play(input)
  const inCycle = new Set(cycles.flat())
  const nodes = input.tags.flatMap((tag) => {
    const about = {
      causes: causes.get(tag.ref) ?? [],
      state: states?.get(tag.ref) ?? null,
      cycle: inCycle.has(tag.ref),
    }
    return previewNode(tag, about, stage) ?? []
  })
  return { nodes: nodes.sort(byLevel), cycles, seconds: secondsOf(nodes), cut }
}

export const byLevel = (a: PreviewNode, b: PreviewNode): number =>
  (a.level ?? Number.MAX_SAFE_INTEGER) - (b.level ?? Number.MAX_SAFE_INTEGER) || (a.ref < b.ref ? -1 : 1)

/** The longest way through what waits for each other. */
export function secondsOf(nodes: readonly PreviewNode[]): number | null {
  const built = nodes.filter((node) => node.decision === 'rebuild').sort(byLevel)
  if (built.some((node) => node.seconds === null)) return null
  const ends = new Map<string, number>()
  for (const node of built)
    ends.set(node.ref, Math.max(0, ...node.waitsFor.map((ref) => ends.get(ref) ?? 0)) + node.seconds!)
  return [...ends.values()].reduce((a, b) => Math.max(a, b), 0)
}
