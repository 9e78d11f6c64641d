import { DirectedGraph } from 'graphology'
import { stronglyConnectedComponents } from 'graphology-components'
import { topologicalSort } from 'graphology-dag'

/**
 * Refs in groups, bases before what is built on them. A group of more than one is a cycle: each of its members can be reached
 * from each other over bases. The order depends on the refs alone.
 */
export function baseOrder(refs: Iterable<string>, basesOf: (ref: string) => readonly string[]): string[][] {
  const bases = withBases(refs, basesOf)
  const placed = placeFree(bases)
  const rest = [...bases.keys()].filter((ref) => !placed.has(ref))
  const groups =
    rest.length === 0 ? [] : orderWithCycles(rest, (ref) => bases.get(ref)!.filter((base) => !placed.has(base)))
  return [...[...placed].map((ref) => [ref]), ...groups]
}

/** Each ref with its bases, each once; bases outside `refs` come in with their own. */
function withBases(refs: Iterable<string>, basesOf: (ref: string) => readonly string[]): Map<string, string[]> {
  const bases = new Map<string, string[]>()
  const waiting = [...new Set(refs)].sort().reverse()
  for (let ref = waiting.pop(); ref !== undefined; ref = waiting.pop()) {
    if (bases.has(ref)) continue
    const own = [...new Set(basesOf(ref))].sort()
    bases.set(ref, own)
    waiting.push(...own.filter((base) => !bases.has(base)).reverse())
  }
  return bases
}

/** What no cycle is or leads to, in order: each ref once its bases are (Kahn). Almost all of an estate; the library takes five times as long. */
function placeFree(bases: ReadonlyMap<string, readonly string[]>): Set<string> {
  const missing = new Map([...bases].map(([ref, own]) => [ref, own.length]))
  const above = new Map<string, string[]>([...bases.keys()].map((ref) => [ref, []]))
  for (const [ref, own] of bases) for (const base of own) above.get(base)!.push(ref)
  const placed = new Set([...bases.keys()].filter((ref) => missing.get(ref) === 0))
  // a Set is walked on as it grows
  for (const base of placed)
    for (const ref of above.get(base)!) {
      const left = missing.get(ref)! - 1
      missing.set(ref, left)
      if (left === 0) placed.add(ref)
    }
  return placed
}

/** The same where there are cycles: their condensation is a graph without any. */
function orderWithCycles(refs: readonly string[], basesOf: (ref: string) => readonly string[]): string[][] {
  const graph = new DirectedGraph({ allowSelfLoops: true })
  for (const ref of refs) graph.mergeNode(ref)
  for (const ref of refs) for (const base of basesOf(ref)) graph.mergeEdge(base, ref)
  const groups = cyclesAndOthers(graph)
  const groupOf = new Map(groups.flatMap((group) => group.map((ref) => [ref, group[0]!] as const)))
  const condensed = new DirectedGraph()
  for (const [name] of [...groups].sort((a, b) => (a[0]! < b[0]! ? -1 : 1))) condensed.mergeNode(name)
  graph.forEachEdge((_edge, _attributes, base, ref) => {
    const [from, to] = [groupOf.get(base)!, groupOf.get(ref)!]
    if (from !== to) condensed.mergeEdge(from, to)
  })
  const members = new Map(groups.map((group) => [group[0]!, group]))
  return topologicalSort(condensed).map((name) => members.get(name)!)
}

/**
 * The strongly connected components. What no cycle can hold is peeled off first: the library's search is recursive, and a long
 * chain would overflow it, while cycles of images are short.
 */
function cyclesAndOthers(graph: DirectedGraph): string[][] {
  const core = graph.copy() as DirectedGraph
  const single: string[] = []
  const isLoose = (ref: string) => core.hasNode(ref) && (core.inDegree(ref) === 0 || core.outDegree(ref) === 0)
  const loose = core.nodes()
  for (let ref = loose.pop(); ref !== undefined; ref = loose.pop()) {
    if (!isLoose(ref)) continue
    loose.push(...core.neighbors(ref))
    core.dropNode(ref)
    single.push(ref)
  }
  return [...single.map((ref) => [ref]), ...stronglyConnectedComponents(core).map((group) => group.sort())]
}
