import { basedOn, commonSteps, equalContent, type ManifestFacts } from './content.ts'
import type { World } from './world.ts'

/** Contents that tie as a base. Each is the base's known manifests: it and all of equal content (a relation, not transitive). */
export type Level = ManifestFacts[][]

/**
 * What M is based on, nearest first: most diffIDs, then the longest common prefix of steps. Tied contents share a level.
 */
export function ancestorLevels(world: World, m: ManifestFacts): Level[] {
  const ranked = m.chainIds
    .flatMap((chainId) => world.withLastChain(chainId))
    .filter((b) => basedOn(m, b))
    .map((b) => ({ b, rank: [b.layerCount, commonSteps(m, b)] as const }))
    .sort((x, y) => y.rank[0] - x.rank[0] || y.rank[1] - x.rank[1] || (x.b.digest < y.b.digest ? -1 : 1))
  const levels = new Map<string, Map<string, ManifestFacts[]>>()
  for (const { b, rank } of ranked) {
    const level = levels.get(rank.join()) ?? new Map<string, ManifestFacts[]>()
    levels.set(rank.join(), level)
    if (!level.has(contentKey(b))) level.set(contentKey(b), membersOf(world, b))
  }
  return [...levels.values()].map((level) => [...level.values()])
}

/** Manifests with equal keys have the same equals. */
const contentKey = (b: ManifestFacts): string => (b.historyAccounts ? b.stepIds.at(-1)! : b.chainIds.at(-1)!)

/** Every known manifest of B's content. B alone where it has no layers. */
export const membersOf = (world: World, b: ManifestFacts): ManifestFacts[] =>
  b.layerCount === 0 ? [b] : world.withLastChain(b.chainIds.at(-1)!).filter((other) => equalContent(b, other))
