import type { ManifestFacts } from '../lineage/content.ts'
import { type Candidate, type Inferred, stillAt } from '../lineage/infer-names.ts'
import type { TagTimeline, World } from '../lineage/world.ts'
import type { Platform } from '../oci/platform.ts'
import { compareHead } from './compare-head.ts'
import type { Findings } from './verdict.ts'

type Part = Pick<Findings, 'bases' | 'links' | 'direct' | 'unknown'>

/**
 * Judges names that are only inferred: T is outdated by each that has moved away. Names still there make that ambiguous.
 * `how`: the evidence and whether the FROM is a bare digest (pinned).
 */
export function judgeInferred(
  world: World,
  t: TagTimeline,
  m: ManifestFacts,
  platform: Platform,
  inferred: Inferred,
  how: { evidence: ('layers' | 'build' | 'provenance' | 'annotation' | 'label' | 'recipe')[]; pinned: boolean },
): Part {
  const part: Part = { bases: [], links: [], direct: [], unknown: [] }
  if (inferred.kind === 'none') return part
  if (inferred.kind === 'unnamed') {
    part.unknown.push({ because: { reason: 'base-unnamed', base: null, platform }, role: 'runtime' })
    return part
  }
  const shared = { role: 'runtime' as const, evidence: how.evidence, pinned: how.pinned }
  for (const candidate of inferred.candidates) {
    const { ref } = candidate.tag
    const compared = compareHead(world, t, m, candidate.tag, candidate.u, platform)
    const remaining = compared.state === 'moved' ? stillAt(world, t, candidate, platform) : []
    const certain = compared.state === 'moved' ? remaining.length === 0 : inferred.candidates.length === 1
    const confidence = certain ? 'inferred' : 'ambiguous'
    const row = { ...shared, digest: candidate.span.digest, confidence } as const
    part.bases.push({ ref, ...row })
    if (compared.state === 'at') part.links.push({ ref, ...row, platform: compared.platform })
    else if (compared.state === 'moved') {
      const { from, to, leftAt } = compared
      part.direct.push({
        base: ref,
        ...shared,
        confidence,
        stillAt: remaining,
        from: from ?? candidate.span.digest,
        to,
        leftAt,
        via: null,
      })
    } else if (compared.state === 'unknown')
      part.unknown.push({ because: { reason: compared.reason, base: ref, platform }, role: 'runtime' })
  }
  return part
}

/** The names that layers alone would blame. */
export const moversByLayers = (part: Part): string[] => part.direct.map((cause) => cause.base)

export type { Candidate, Part }
