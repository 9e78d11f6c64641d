import type { LineageNode } from './schemas/lineage.ts'

/** `ref` is a base of, or is based on, `parent`. `digest`: head of `ref`, null where there is none. */
export type Edge = {
  parent: string
  ref: string
  digest: string | null
  status: LineageNode['status']
  role: NonNullable<LineageNode['role']>
  confidence: NonNullable<LineageNode['confidence']>
  platforms: string[]
}

export type Root = Pick<LineageNode, 'ref' | 'aliases' | 'digest' | 'status' | 'platforms'>

/** `edges` by parent. `left`: how many edges of a ref were not read, where that is not 0. `depth`: levels below the root. */
export type Grown = { edges: ReadonlyMap<string, Edge[]>; left: ReadonlyMap<string, number>; depth: number }

/**
 * The tree of what was read. Siblings at one head digest are one node (tags without a digest stand alone). What stands in several
 * places is opened at the first, reading from the top; later mentions say `again`, and one below itself `cycle`.
 */
export function growTree(root: Root, { edges, left, depth }: Grown): LineageNode {
  const opened = new Set<string>()
  const open = (node: LineageNode, above: ReadonlySet<string>, level: number): LineageNode => {
    const refs = [node.ref, ...node.aliases]
    if (refs.some((ref) => above.has(ref))) return { ...node, cycle: true }
    if (refs.every((ref) => opened.has(ref))) return { ...node, again: true }
    const here = collapse(refs.flatMap((ref) => edges.get(ref) ?? []))
    const unread = refs.reduce((sum, ref) => sum + (left.get(ref) ?? 0), 0)
    if (level === depth) return { ...node, more: here.length + unread }
    for (const ref of refs) opened.add(ref)
    const path = new Set([...above, ...refs])
    return { ...node, more: unread, children: here.map((child) => open(child, path, level + 1)) }
  }
  return open({ ...root, ...closed, role: null, confidence: null }, new Set(), 0)
}

const closed = { again: false, cycle: false, more: 0, children: [] }

/** One node a head digest. A declared name gives it its own name, else the first; the relation is that of all together. */
function collapse(edges: readonly Edge[]): LineageNode[] {
  const groups = Map.groupBy(edges, (edge) => edge.digest ?? edge.ref)
  return [...groups.values()].map((group) => {
    const refs = [...new Set(group.map((edge) => edge.ref))].sort()
    const declared = group.filter((edge) => edge.confidence === 'declared').map((edge) => edge.ref)
    const ref = declared.sort()[0] ?? refs[0]!
    const first = group.find((edge) => edge.ref === ref)!
    return {
      ...closed,
      ref,
      aliases: refs.filter((other) => other !== ref),
      digest: first.digest,
      status: first.status,
      platforms: [...new Set(group.flatMap((edge) => edge.platforms))].sort(),
      role: roles.find((role) => group.some((edge) => edge.role === role)) ?? 'unknown',
      confidence: first.confidence,
    }
  })
}

const roles = ['runtime', 'build'] as const
