/**
 * Refs in groups, bases before what is built on them. A group of more than one is a cycle: each of its members can be reached
 * from each other over bases. Tarjan's strongly connected components, without recursion (chains may be long). The order depends on
 * the refs alone. https://en.wikipedia.org/wiki/Tarjan%27s_strongly_connected_components_algorithm
 */
export function baseOrder(refs: Iterable<string>, basesOf: (ref: string) => readonly string[]): string[][] {
  const groups: string[][] = []
  const seen = new Map<string, { index: number; low: number; open: boolean }>()
  const open: string[] = []
  const enter = (ref: string) => {
    seen.set(ref, { index: seen.size, low: seen.size, open: true })
    open.push(ref)
    return { ref, bases: [...basesOf(ref)].sort(), next: 0 }
  }
  for (const start of [...refs].sort()) {
    if (seen.has(start)) continue
    const path = [enter(start)]
    for (let at = path.at(-1); at; at = path.at(-1)) {
      const own = seen.get(at.ref)!
      const base = at.bases[at.next++]
      if (base !== undefined) {
        const known = seen.get(base)
        if (!known) path.push(enter(base))
        else if (known.open) own.low = Math.min(own.low, known.index)
        continue
      }
      path.pop()
      const above = path.at(-1)
      if (above) {
        const mark = seen.get(above.ref)!
        mark.low = Math.min(mark.low, own.low)
      }
      if (own.low === own.index) groups.push(close(at.ref))
    }
  }
  return groups

  function close(root: string): string[] {
    const group = open.splice(open.lastIndexOf(root))
    for (const ref of group) seen.get(ref)!.open = false
    return group.sort()
  }
}
