import type { Instant } from '../oci/instant.ts'
import type { Platform } from '../oci/platform.ts'

/**
 * What is known of a manifest's content. Ids are the first 128 bits of running hashes, as uuid text (src/oci/chain-id.ts):
 * `chainIds[k]` over the first k+1 diffIDs, `stepIds[k]` over the first k+1 history entries with their diffIDs,
 * `solidIds[k]` over the first k+1 entries that made a layer. stepIds and solidIds are empty unless `historyAccounts`.
 */
export type ManifestFacts = {
  digest: string
  kind: 'image' | 'index' | 'artifact' | 'absent'
  platform: Platform | null
  createdAt: Instant | null
  layerCount: number
  historyAccounts: boolean
  chainIds: string[]
  stepIds: string[]
  solidIds: string[]
  releaseId: string | null
  /** earliest push event; null = none was seen */
  firstPushAt: Instant | null
  /** earliest sighting by reconcile or look-up: a latest bound */
  firstSeenAt: Instant | null
}

/** B's diffIDs are a prefix of A's, equality included; false where B has no layers. */
export const startsWith = (a: ManifestFacts, b: ManifestFacts): boolean =>
  b.layerCount > 0 && a.chainIds[b.layerCount - 1] === b.chainIds[b.layerCount - 1]

/** Both histories account for their layers and tell the same of B's layers: then the history decides, not the layers alone. */
const historySpeaks = (a: ManifestFacts, b: ManifestFacts): boolean =>
  a.historyAccounts && b.historyAccounts && a.solidIds[b.layerCount - 1] === b.solidIds[b.layerCount - 1]

/** The same diffIDs and history: a retag, a copy, a recompression. A relation of two manifests, not transitive in odd cases. */
export function equalContent(a: ManifestFacts, b: ManifestFacts): boolean {
  if (a.digest === b.digest) return true
  if (a.layerCount !== b.layerCount || a.chainIds.at(-1) !== b.chainIds.at(-1)) return false
  if (!a.historyAccounts || !b.historyAccounts) return true
  return a.stepIds.length === b.stepIds.length && a.stepIds.at(-1) === b.stepIds.at(-1)
}

/** A is based on B: B's whole step list is a strict prefix of A's where history speaks, else B's diffIDs are one. */
export function basedOn(a: ManifestFacts, b: ManifestFacts): boolean {
  if (!startsWith(a, b)) return false
  if (!historySpeaks(a, b)) return b.layerCount < a.layerCount
  return b.stepIds.length < a.stepIds.length && a.stepIds[b.stepIds.length - 1] === b.stepIds.at(-1)
}

/** How many steps both begin with. Running hashes: equal at k means equal up to k. */
export function commonSteps(a: ManifestFacts, b: ManifestFacts): number {
  let low = 0
  let high = Math.min(a.stepIds.length, b.stepIds.length)
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (a.stepIds[middle - 1] === b.stepIds[middle - 1]) low = middle
    else high = middle - 1
  }
  return low
}

/** Equal diffIDs and run configuration. A name has moved when what it points at is not the same release as before. */
export const sameRelease = (a: ManifestFacts, b: ManifestFacts): boolean =>
  a.digest === b.digest || (a.releaseId !== null && a.releaseId === b.releaseId)

/**
 * The first push of a manifest, or null where it counts as "ever": never seen pushed, or sighted before the first push
 * we know of. A sighting's time is an HTTP `Date`, cut to the second.
 */
export function firstPush(m: ManifestFacts): Instant | null {
  if (m.firstPushAt === null) return null
  return m.firstSeenAt !== null && m.firstSeenAt + 1_000_000_000n < m.firstPushAt ? null : m.firstPushAt
}
