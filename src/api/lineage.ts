/**
 * in: a tag, a direction, perhaps a depth.
 * out: the tree of what it is based on (up) or of what is based on it (down), from the stored verdicts.
 * guarantees: level by level, nearest first, and never more than 2,000 relations, however large the estate; what is left out is counted.
 */
import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import type { FoundTag } from './find-tag.ts'
import { type Edge, growTree } from './grow-tree.ts'
import { countEdges, edgesOf, sharedAliases } from './lineage-edges.ts'
import type { Lineage } from './schemas/lineage.ts'

/** Relations of one answer. */
const most = 2000

type Asked = { direction: 'up' | 'down'; depth: number | null }

export async function lineage(d: Pick<Deps, 'sql'>, tag: FoundTag, { direction, depth }: Asked): Promise<Lineage> {
  return d.sql.begin('isolation level repeatable read read only', async (tx) => {
    const { edges, cut, unread } = await read(tx, tag.ref, direction, depth ?? Number.POSITIVE_INFINITY)
    const counts = await countEdges(tx, direction, [...cut, ...unread])
    const left = new Map([...counts].map(([ref, count]) => [ref, count - (edges.get(ref)?.length ?? 0)]))
    const dependents = direction === 'down' ? (edges.get(tag.ref) ?? []).map((edge) => edge.ref) : []
    const alike = tag.digest && dependents.length > 0 ? await sharedAliases(tx, tag.digest, dependents) : []
    const root = {
      ...{ ref: tag.ref, digest: tag.digest, status: tag.status, platforms: tag.platforms },
      aliases: alike.filter((ref) => ref !== tag.ref),
    }
    const tree = growTree(root, { edges, left, depth: depth ?? Number.POSITIVE_INFINITY })
    return { direction, depth, truncated: cut.length > 0, root: tree }
  }) as Promise<Lineage>
}

/** `unread`: what the depth asked for does not reach; `cut`: what the limit does not. */
type Read = { edges: Map<string, Edge[]>; cut: string[]; unread: string[] }

async function read(tx: Tx, root: string, direction: Asked['direction'], depth: number): Promise<Read> {
  const edges = new Map<string, Edge[]>()
  const seen = new Set([root])
  let frontier = [root]
  let left = most
  for (let level = 0; level < depth && frontier.length > 0; level++) {
    const found = await edgesOf(tx, direction, frontier, left)
    for (const [parent, own] of Map.groupBy(found.edges, (edge) => edge.parent)) edges.set(parent, own)
    left -= found.edges.length
    const fresh = [...new Set(found.edges.map((edge) => edge.ref))].filter((ref) => !seen.has(ref))
    for (const ref of fresh) seen.add(ref)
    if (found.cut.length > 0) return { edges, cut: [...found.cut, ...fresh], unread: [] }
    frontier = fresh
  }
  return { edges, cut: [], unread: frontier }
}
