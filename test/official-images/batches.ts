import type { Graph, Source } from './graph.ts'

/**
 * All base names, in as few groups as a simple search finds, so that no two of a group have a descendant or a tag in common:
 * what is flagged when a whole group moves then says of each of them whether it alone would have been right.
 */
export function batchesOf(graph: Graph): string[][] {
  const reach = reaches(graph)
  const batches: { names: string[]; taken: Set<Source> }[] = []
  const bySize = [...graph.baseNames].sort((a, b) => reach(b).size - reach(a).size || (a < b ? -1 : 1))
  for (const name of bySize) {
    const own = reach(name)
    const free = batches.find(({ taken }) => [...own].every((source) => !taken.has(source)))
    if (free) {
      free.names.push(name)
      for (const source of own) free.taken.add(source)
    } else batches.push({ names: [name], taken: new Set(own) })
  }
  return batches.map((batch) => batch.names)
}

/** A base's own sources, those that share a tag with them, and all that are built on them, by any stage. */
function reaches(graph: Graph): (name: string) => Set<Source> {
  const users = new Map<Source, Set<Source>>()
  for (const source of graph.sources)
    for (const name of source.recipes.flatMap((recipe) => recipe.froms))
      for (const base of graph.groupOf.get(name)!.sources) users.set(base, (users.get(base) ?? new Set()).add(source))
  return (name) => {
    const own = graph.groupOf.get(name)!.sources
    const touched = graph.groups.filter((group) => group.sources.some((source) => own.includes(source)))
    const found = new Set(touched.flatMap((group) => group.sources))
    // a set grows while it is gone through
    for (const source of found) for (const user of users.get(source) ?? []) found.add(user)
    return found
  }
}
