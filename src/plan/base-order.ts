import { DirectedGraph } from 'graphology'
import { stronglyConnectedComponents } from 'graphology-components'
import { topologicalSort } from 'graphology-dag'

/**
 * Refs in groups, bases before what is built on them. A group of more than one is a cycle: each of its members can be reached
 * from each other over bases. The order depends on the refs alone.
 */
export function baseOrder(refs: Iterable<string>, basesOf: (ref: string) => readonly string[]): string[][] {
  const graph = withBases(refs, basesOf)
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

/** An edge leads from a base to what is built on it; bases outside `refs` come in with their own. */
function withBases(refs: Iterable<string>, basesOf: (ref: string) => readonly string[]): DirectedGraph {
  const graph = new DirectedGraph({ allowSelfLoops: true })
  const waiting = [...refs].sort()
  for (const ref of waiting) graph.mergeNode(ref)
  for (let ref = waiting.pop(); ref !== undefined; ref = waiting.pop())
    for (const base of [...basesOf(ref)].sort()) {
      if (!graph.hasNode(base)) waiting.push(base)
      graph.mergeEdge(base, ref)
    }
  return graph
}
