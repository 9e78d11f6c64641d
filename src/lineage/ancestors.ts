import { basedOn, commonSteps, equalContent, type ManifestFacts } from './content.ts'
import type { World } from './world.ts'

/** Contents that tie as a base: each group is the known manifests of one content. */
export type Level = ManifestFacts[][]

/**
 * What M is based on, nearest first: most diffIDs, then the longest common prefix of steps. Tied contents share a level.
 */
export function ancestorLevels(world: World, m: ManifestFacts): Level[] {
  const ranked = m.chainIds
    .flatMap((chainId) => world.withLastChain(chainId))
    .filter((b) => basedOn(m, b))
    .map((b) => ({ b, steps: commonSteps(m, b) }))
    .sort((x, y) => y.b.layerCount - x.b.layerCount || y.steps - x.steps || (x.b.digest < y.b.digest ? -1 : 1))
  const levels: { rank: string; contents: Level }[] = []
  for (const { b, steps } of ranked) {
    const rank = `${b.layerCount}/${steps}`
    if (levels.at(-1)?.rank !== rank) levels.push({ rank, contents: [] })
    const contents = levels.at(-1)!.contents
    const same = contents.find((content) => equalContent(content[0]!, b))
    if (same) same.push(b)
    else contents.push([b])
  }
  return levels.map((level) => level.contents)
}
