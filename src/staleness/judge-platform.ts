import { ancestorLevels } from '../lineage/ancestors.ts'
import { type ManifestFacts, startsWith } from '../lineage/content.ts'
import { contentOf, type DeclaredBase, declaredBases } from '../lineage/declared-bases.ts'
import { type Inferred, inferNames, inferNamesAt } from '../lineage/infer-names.ts'
import type { PlatformManifest } from '../lineage/platform-manifest.ts'
import type { TagTimeline, World } from '../lineage/world.ts'
import type { Platform } from '../oci/platform.ts'
import { judgeDeclared } from './judge-declared.ts'
import { judgeInferred, moversByLayers, type Part } from './judge-layers.ts'
import type { Disagreement, Findings } from './verdict.ts'

/** Everything about one platform of T's head that does not need the verdicts of its bases. */
export function judgePlatform(world: World, t: TagTimeline, head: string, at: PlatformManifest): Findings {
  const { platform, digest, manifest: m } = at
  const nothing: Findings = {
    reach: 0,
    platform,
    digest,
    bases: [],
    links: [],
    direct: [],
    unknown: [],
    disagreements: [],
  }
  if (!m) return { ...nothing, unknown: [{ because: { reason: 'unreadable', base: null, platform }, role: 'runtime' }] }
  const ancestors = ancestorLevels(world, m).flat(2)
  const declared = declaredBases(world, { ref: t.ref, head }, m, platform, ancestors)
  const inferred = inferNames(world, t, m)
  const runtime = judgeRuntime(world, t, m, platform, declared.runtime, inferred)
  const others = declared.others.map((base) => judgeOther(world, t, m, platform, base))
  const unresolved = declared.unresolved.map(({ role, reason }) => ({
    because: { reason, base: null, platform },
    role,
  }))
  const all = [runtime, ...others]
  const weaker = declared.weaker.map(
    (base): Disagreement => ({ platform, base: base.name ?? base.digest, evidence: base.evidence }),
  )
  return {
    ...nothing,
    reach: inferred.reach,
    bases: all.flatMap((part) => part.bases),
    links: all.flatMap((part) => part.links),
    direct: all.flatMap((part) => part.direct),
    unknown: [...unresolved, ...all.flatMap((part) => part.unknown)],
    disagreements: [...weaker, ...runtime.disagreements],
  }
}

/** A declared runtime base that resolves beats layers; one that was deleted, or that a recipe cannot name, leaves the judgement to them. */
function judgeRuntime(
  world: World,
  t: TagTimeline,
  m: ManifestFacts,
  platform: Platform,
  base: DeclaredBase | null,
  inferred: Inferred,
): Part & { disagreements: Disagreement[] } {
  const layers = () => judgeInferred(world, t, m, platform, inferred, { evidence: ['layers'], pinned: false })
  if (!base) return { ...layers(), disagreements: [] }
  if (base.name === null) return { ...judgeBare(world, t, m, platform, base, layers), disagreements: [] }
  const declared = judgeDeclared(world, t, m, platform, { ...base, name: base.name })
  if (!declared.resolved && declared.reason === 'base-absent') {
    const part = layers()
    return { ...part, unknown: [...declared.part.unknown, ...part.unknown], disagreements: [] }
  }
  return { ...declared.part, disagreements: besides(world, m, platform, base, layers()) }
}

/** What layers say besides the declared name: other names that moved, or, where the declared content is no prefix, any other base. */
function besides(world: World, m: ManifestFacts, platform: Platform, base: DeclaredBase, layers: Part): Disagreement[] {
  const u = base.digest === null ? null : contentOf(world, base.digest, base.platform ?? platform)
  const foreign = u !== null && u.layerCount > 0 && !startsWith(m, u) ? layers.bases.map((row) => row.ref) : []
  const names = new Set([...moversByLayers(layers), ...foreign])
  names.delete(base.name)
  return [...names].map((name) => ({ platform, base: name, evidence: ['layers'] }))
}

/** A bare digest is judged as inferred, from the content it names. */
function judgeBare(
  world: World,
  t: TagTimeline,
  m: ManifestFacts,
  platform: Platform,
  base: DeclaredBase,
  layers: () => Part,
): Part {
  const u = contentOf(world, base.digest!, base.platform ?? platform)
  if (!u) return layers()
  const evidence = startsWith(m, u) ? [...base.evidence, 'layers' as const] : base.evidence
  return judgeInferred(world, t, m, platform, inferNamesAt(world, t, m, u), { evidence, pinned: base.pinned })
}

/** A base of role build or unknown: judged by its own word alone. */
function judgeOther(world: World, t: TagTimeline, m: ManifestFacts, platform: Platform, base: DeclaredBase): Part {
  if (base.name !== null) return judgeDeclared(world, t, m, platform, { ...base, name: base.name }).part
  const { digest, role, evidence, pinned } = base
  return {
    bases: [{ ref: null, digest, role, evidence, confidence: 'declared', pinned }],
    links: [],
    direct: [],
    unknown: [],
  }
}
