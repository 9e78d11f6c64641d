import { ancestorLevels } from '../lineage/ancestors.ts'
import { firstPush, type ManifestFacts, sameRelease, startsWith } from '../lineage/content.ts'
import { contentOf, type DeclaredBase } from '../lineage/declared-bases.ts'
import { manifestFor } from '../lineage/platform-manifest.ts'
import { type EvidenceKind, headOf, type TagTimeline, type World } from '../lineage/world.ts'
import type { Platform } from '../oci/platform.ts'
import { parseReference } from '../oci/reference.ts'
import { compareHead, presentManifest } from './compare-head.ts'
import type { Part } from './judge-layers.ts'
import type { UnknownReason } from './verdict.ts'

/** resolved: the declared name answers. otherwise: why it does not. */
export type DeclaredPart = { resolved: true; part: Part } | { resolved: false; reason: UnknownReason; part: Part }

/** Judges one declared base that has a name. lineage.md, "Stale, exactly", the declared rules in their order. */
export function judgeDeclared(
  world: World,
  t: TagTimeline,
  m: ManifestFacts,
  tPlatform: Platform,
  base: DeclaredBase & { name: string },
): DeclaredPart {
  const platform = base.platform ?? tPlatform
  const name = world.tag(base.name)
  if (!name || !headOf(name)) {
    const reason = name && !isOutside(world, base.name) ? 'base-absent' : 'base-unreachable'
    return { resolved: false, reason, part: unknown(base, tPlatform, reason, base.digest, base.evidence) }
  }
  const said = base.digest === null ? null : contentOf(world, base.digest, platform)
  const present = presentManifest(world, name, platform, said)
  if (
    said === null &&
    'manifest' in present &&
    (base.digest === present.manifest.digest || base.digest === present.head)
  )
    return judgeAgainst(world, t, m, tPlatform, base, name, present.manifest)
  return judgeAgainst(world, t, m, tPlatform, base, name, said ?? heldThen(world, m, name, platform))
}

/** `u`: the content of the base that T has, null where nobody knows it. */
function judgeAgainst(
  world: World,
  t: TagTimeline,
  m: ManifestFacts,
  tPlatform: Platform,
  base: DeclaredBase & { name: string },
  name: TagTimeline,
  u: ManifestFacts | null,
): DeclaredPart {
  const platform = base.platform ?? tPlatform
  const evidence: EvidenceKind[] = u && startsWith(m, u) ? [...base.evidence, 'layers'] : base.evidence
  const digest = base.digest ?? (u ? headHolding(name, world, u, platform) : null)
  const now = presentManifest(world, name, platform, u)
  if ('reason' in now) return { resolved: true, part: unknown(base, tPlatform, now.reason, digest, evidence) }
  const row = {
    ref: base.name,
    digest,
    role: base.role,
    evidence,
    confidence: 'declared' as const,
    pinned: base.pinned,
  }
  const link = { ...row, platform: now.platform }
  const current: Part = { bases: [row], links: [link], direct: [], unknown: [] }
  const outdated = (moved: { from: string | null; to: string; leftAt: bigint }): Part => ({
    bases: [row],
    links: [],
    unknown: [],
    direct: [
      {
        base: base.name,
        role: base.role,
        evidence,
        confidence: 'declared',
        pinned: base.pinned,
        stillAt: [],
        via: null,
        ...moved,
      },
    ],
  })
  if (u) {
    const compared = compareHead(world, t, m, name, u, platform)
    return { resolved: true, part: compared.state === 'moved' ? outdated(compared) : current }
  }
  if (base.role === 'runtime' && startsWith(m, now.manifest)) return { resolved: true, part: current }
  if (base.role === 'runtime' && ancestorLevels(world, m).length > 0)
    return { resolved: true, part: outdated({ from: null, to: now.head, leftAt: headOf(name)!.from }) }
  return { resolved: true, part: unknown(base, tPlatform, 'digest-unknown', digest, evidence) }
}

function unknown(
  base: DeclaredBase,
  platform: Platform,
  reason: UnknownReason,
  digest: string | null,
  evidence: EvidenceKind[],
): Part {
  const { name: ref, role, pinned } = base
  return {
    bases: [{ ref, digest, role, evidence, confidence: 'declared', pinned }],
    links: [],
    direct: [],
    unknown: [{ because: { reason, base: ref, platform }, role }],
  }
}

/**
 * No digest, or one whose content is not to be had: what the name pointed at when M was first pushed. Null where that is not
 * known: M's push was not seen, or the name was nowhere then.
 */
function heldThen(world: World, m: ManifestFacts, name: TagTimeline, platform: Platform): ManifestFacts | null {
  const pushed = firstPush(m)
  if (pushed === null) return null
  const span = name.spans.find(
    (s, i) => ((i === 0 && !s.exact) || s.from <= pushed) && (s.to === null || s.to > pushed),
  )
  return span ? (manifestFor(world, span.digest, platform)?.manifest ?? null) : null
}

const headHolding = (name: TagTimeline, world: World, u: ManifestFacts, platform: Platform): string | null =>
  name.spans.findLast((span) => {
    const then = manifestFor(world, span.digest, platform)?.manifest
    return then ? sameRelease(then, u) : false
  })?.digest ?? null

/** A name on a host nobody configured cannot be asked at all. */
const isOutside = (world: World, name: string): boolean => {
  const reference = parseReference(name)
  return reference === null || !world.isConfigured(reference.host)
}
