import type { Platform } from '../oci/platform.ts'
import { commonSteps, type ManifestFacts, startsWith } from './content.ts'
import { manifestFor } from './platform-manifest.ts'
import type { BaseRole, Declaration, EvidenceKind, World } from './world.ts'

/** A base as declared, all evidence of one name together, the strongest first. `digest` is what the strongest says. */
export type DeclaredBase = {
  name: string | null
  digest: string | null
  platform: Platform | null
  role: BaseRole
  evidence: EvidenceKind[]
  pinned: boolean
}

/** `weaker`: runtime bases that a weaker declaration names and a stronger one contradicts. */
export type DeclaredBases = { runtime: DeclaredBase | null; others: DeclaredBase[]; weaker: DeclaredBase[] }

const strength: EvidenceKind[] = ['build', 'provenance', 'annotation', 'label', 'recipe', 'layers']

/**
 * What the manifest M of an index or tag head says of its bases, for one platform. `ancestors` are the known contents M is
 * based on: a label that one of them carries too was inherited and says nothing. T is no base of itself.
 */
export function declaredBases(
  world: World,
  t: { ref: string; head: string },
  m: ManifestFacts,
  platform: Platform,
  ancestors: ManifestFacts[],
): DeclaredBases {
  const own = world.declarations(m.digest)
  const outer = t.head === m.digest ? [] : world.declarations(t.head)
  const inherited = new Set(
    ancestors
      .flatMap((b) => world.declarations(b.digest))
      .filter((d) => d.evidence === 'label')
      .map(labelKey),
  )
  const said = [...own, ...outer].filter((d) => d.evidence !== 'label' || !inherited.has(labelKey(d)))
  const byEvidence = strength.map((kind) => distinct(said.filter((d) => d.evidence === kind)))
  const annotated =
    byEvidence[strength.indexOf('annotation')]![0]?.name ?? byEvidence[strength.indexOf('label')]![0]?.name ?? null
  const ruled = byEvidence.flatMap((ds) => withRoles(world, ds, m, platform, annotated))
  return combine(ruled.filter((base) => base.name !== t.ref))
}

const labelKey = (d: Declaration): string => `${d.name} ${d.digest}`

/** Several attestations on one manifest add up: the same name and digest said twice is one. */
function distinct(declarations: Declaration[]): Declaration[] {
  const seen = new Map<string, Declaration>()
  const ordered = [...declarations].sort((a, b) => a.position - b.position || (labelKey(a) < labelKey(b) ? -1 : 1))
  for (const d of ordered) if (!seen.has(`${labelKey(d)} ${d.platform}`)) seen.set(`${labelKey(d)} ${d.platform}`, d)
  return [...seen.values()]
}

/**
 * Provenance does not say which FROM was the last: the longest whose content is a prefix of M is the runtime base, a sole
 * one is it anyway, and where none passes the annotated name decides.
 */
function withRoles(
  world: World,
  declarations: Declaration[],
  m: ManifestFacts,
  platform: Platform,
  annotated: string | null,
): DeclaredBase[] {
  const open = declarations.filter((d) => d.role === null)
  const prefix = (d: Declaration) => {
    const u = d.digest === null ? null : contentOf(world, d.digest, d.platform ?? platform)
    return u && startsWith(m, u)
      ? { layers: u.layerCount, steps: commonSteps(m, u), named: d.name === annotated ? 1 : 0 }
      : null
  }
  const passing = open
    .map((d) => ({ d, fit: prefix(d) }))
    .filter((x) => x.fit !== null)
    .sort((x, y) => y.fit!.layers - x.fit!.layers || y.fit!.steps - x.fit!.steps || y.fit!.named - x.fit!.named)
  const runtime =
    open.length === 1 ? open[0] : (passing[0]?.d ?? open.find((d) => d.name !== null && d.name === annotated))
  const roleOf = (d: Declaration): BaseRole => d.role ?? (d === runtime ? 'runtime' : runtime ? 'build' : 'unknown')
  return declarations.map((d) => ({
    name: d.name,
    digest: d.digest,
    platform: d.platform,
    role: roleOf(d),
    evidence: [d.evidence],
    pinned: d.pinned,
  }))
}

/** Stronger evidence comes first in `ruled`. One runtime base wins; weaker word of the same name joins it, of another contradicts it. */
function combine(ruled: DeclaredBase[]): DeclaredBases {
  const first = ruled.find((b) => b.role === 'runtime') ?? null
  const runtime = first && { ...first }
  const others = new Map<string, DeclaredBase>()
  const weaker: DeclaredBase[] = []
  for (const base of ruled) {
    const sameName =
      runtime !== null && base.name === runtime.name && (base.name !== null || base.digest === runtime.digest)
    if (base.role === 'runtime' && runtime) {
      if (sameName) join(runtime, base)
      else if (base.name !== null || base.digest !== runtime.digest) weaker.push(base)
    } else {
      const key = base.name ?? base.digest ?? ''
      const known = others.get(key)
      if (known) join(known, base)
      else others.set(key, { ...base })
    }
  }
  return { runtime, others: [...others.values()], weaker }
}

function join(strong: DeclaredBase, weak: DeclaredBase): void {
  for (const kind of weak.evidence) if (!strong.evidence.includes(kind)) strong.evidence = [...strong.evidence, kind]
  strong.digest ??= weak.digest
  strong.platform ??= weak.platform
  strong.pinned ||= weak.pinned
}

/** The platform manifest behind a declared digest, which may be an index's or the platform manifest's own; null where unknown. */
export function contentOf(world: World, digest: string, platform: Platform): ManifestFacts | null {
  const manifest = world.manifest(digest)
  if (manifest?.kind === 'image') return manifest
  return manifest?.kind === 'index' ? (manifestFor(world, digest, platform)?.manifest ?? null) : null
}
