import { short } from './table.ts'
import type { NodeView, TreeView } from './views.ts'

/** Of each status the colour of its node's border. */
const colours: Record<string, string> = { outdated: 'red', unknown: 'orange', current: 'darkgreen' }

/**
 * The tree as a graph for graphviz: each tag once, an arrow from an image to its base, dashed where that is not in the image.
 * https://graphviz.org/doc/info/lang.html
 */
export function dotOf({ root, direction }: TreeView): string {
  const ids = new Map<string, string>()
  const nodes = new Map<string, string>()
  const edges = new Set<string>()
  const idOf = (node: NodeView): string => {
    const id = [node.ref, ...node.aliases].map((ref) => ids.get(ref)).find((known) => known !== undefined) ?? node.ref
    for (const ref of [node.ref, ...node.aliases]) ids.set(ref, ids.get(ref) ?? id)
    if (!nodes.has(id))
      nodes.set(id, `${quote(id)} [label=${label(node)}, color=${colours[node.status ?? ''] ?? 'gray'}];`)
    return id
  }
  const visit = (node: NodeView): void => {
    const id = idOf(node)
    for (const child of node.children) {
      const [from, to] = direction === 'up' ? [id, idOf(child)] : [idOf(child), id]
      const style = child.role === 'runtime' ? 'solid' : 'dashed'
      edges.add(`${quote(from)} -> ${quote(to)} [style=${style}, tooltip=${quote(child.platforms.join(' '))}];`)
      visit(child)
    }
    if (node.more === 0) return
    const rest = `${id} and ${node.more} more`
    nodes.set(rest, `${quote(rest)} [label=${quote(`… ${node.more} more`)}, shape=plaintext];`)
    edges.add(direction === 'up' ? `${quote(id)} -> ${quote(rest)};` : `${quote(rest)} -> ${quote(id)};`)
  }
  visit(root)
  const lines = ['rankdir=BT;', 'node [shape=box];', ...nodes.values(), ...edges].map((line) => `  ${line}`)
  return ['digraph lineage {', ...lines, '}'].join('\n')
}

const label = (node: NodeView): string => {
  const head = node.digest === null ? 'not known here' : `${node.status ?? 'not judged yet'}, ${short(node.digest)}`
  return quote([node.ref, ...node.aliases.map((ref) => `= ${ref}`), head].join('\n'))
}

/** In a quoted string a quote is escaped; graphviz reads a backslash as the beginning of an escape, and \n as a line break. */
const quote = (text: string): string => `"${text.replace(/[\\"]/g, '\\$&').replaceAll('\n', '\\n')}"`
