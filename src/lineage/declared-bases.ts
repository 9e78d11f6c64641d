import type { Platform } from '../oci/platform.ts'
import { commonSteps, type ManifestFacts, startsWith } from './content.ts'
import { manifestFor } from './platform-manifest.ts'
import type { BaseRole, Declaration, EvidenceKind, UnresolvedReason, World } from './world.ts'

/** A base as declared, all evidence of one name together, the strongest first. `digest` is what the strongest says. */
export type DeclaredBase = {
  name: string | null
  digest: string | null
  platform: Platform | null
  role: BaseRole
  evidence: EvidenceKind[]
  pinned: boolean
}

/**
 * `weaker`: runtime bases that a weaker declaration names and a stronger one contradicts. `unresolved`: what the recipe says is
 * there but cannot name (`FROM $X`), where nothing stronger names it: the runtime base, or some of the others.
 */
export type DeclaredBases = {
  runtime: DeclaredBase | null
  others: DeclaredBase[]
  weaker: DeclaredBase[]
  unresolved: { role: BaseRole; reason: UnresolvedReason }[]
}

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
  const heardOf = (digest: string) => world.declarations(digest).map((d) => withVersion(d, platform))
  const own = heardOf(m.digest)
  const outer = t.head === m.digest ? [] : heardOf(t.head)
  const inherited = new Set(
    ancestors
      .flatMap((b) => world.declarations(b.digest))
      .filter((d) => d.evidence === 'label')
      .map(labelKey),
  )
  const heard = (d: Declaration) => d.evidence !== 'label' || !inherited.has(labelKey(d))
  const byEvidence = strength.map((kind) => distinct([own, outer], (d) => d.evidence === kind && heard(d)))
  const of = (kind: EvidenceKind) => byEvidence[strength.indexOf(kind)]!
  // lineage.md: the annotation's name, then the recipe's last FROM
  const lastNamed = [
    of('annotation')[0]?.name ?? of('label')[0]?.name,
    of('recipe').find((d) => d.role === 'runtime')?.name,
  ].flatMap((name) => name ?? [])
  const ruled = byEvidence.flatMap((ds) =>
    withRoles(
      world,
      ds.filter((d) => d.reason === null),
      m,
      platform,
      lastNamed,
    ),
  )
  const bases = combine(ruled.filter((base) => base.name !== t.ref))
  const complete = of('build').length + of('provenance').length > 0
  return { ...bases, unresolved: unresolvedOf(of('recipe'), { runtime: bases.runtime !== null, complete }) }
}

/** Builds and provenance name every base, so that a FROM beside them without a value hides none. */
const unresolvedOf = (recipe: Declaration[], known: { runtime: boolean; complete: boolean }) =>
  recipe.flatMap(({ role, reason }) =>
    reason === null || (role === 'runtime' ? known.runtime : known.complete)
      ? []
      : [{ role: role ?? 'unknown', reason }],
  )

/** Many builders write `windows/amd64` and leave out the `os.version`: they mean that of what they build. */
const withVersion = (d: Declaration, platform: Platform): Declaration =>
  d.platform !== null && platform.startsWith(`${d.platform};`) ? { ...d, platform } : d

const labelKey = (d: Declaration): string => `${d.name} ${d.digest}`

/**
 * Several attestations on one manifest add up: the same name and digest said twice is one. What the manifest says comes before what
 * its index says of all.
 */
function distinct(speakers: Declaration[][], heard: (d: Declaration) => boolean): Declaration[] {
  const seen = new Map<string, Declaration>()
  const ordered = speakers.flatMap((said) =>
    said.filter(heard).sort((a, b) => a.position - b.position || (labelKey(a) < labelKey(b) ? -1 : 1)),
  )
  for (const d of ordered) {
    const key = `${labelKey(d)} ${d.platform} ${d.reason === null ? '' : d.role}`
    if (!seen.has(key)) seen.set(key, d)
  }
  return [...seen.values()]
}

/**
 * Provenance does not say which FROM was the last: the longest whose content is a prefix of M is the runtime base, a sole
 * one is it anyway, and where none passes the first of `lastNamed` that is among them decides.
 */
function withRoles(
  world: World,
  declarations: Declaration[],
  m: ManifestFacts,
  platform: Platform,
  lastNamed: string[],
): DeclaredBase[] {
  const open = declarations.filter((d) => d.role === null)
  const prefix = (d: Declaration) => {
    const u = d.digest === null ? null : contentOf(world, d.digest, d.platform ?? platform)
    return u && startsWith(m, u)
      ? { layers: u.layerCount, steps: commonSteps(m, u), named: d.name === lastNamed[0] ? 1 : 0 }
      : null
  }
  const passing = open
    .map((d) => ({ d, fit: prefix(d) }))
    .filter((x) => x.fit !== null)
    .sort((x, y) => y.fit!.layers - x.fit!.layers || y.fit!.steps - x.fit!.steps || y.fit!.named - x.fit!.named)
  const runtime =
    open.length === 1
      ? open[0]
      : (passing[0]?.d ?? lastNamed.flatMap((name) => open.find((d) => d.name === name) ?? [])[0])
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
function combine(ruled: DeclaredBase[]): Omit<DeclaredBases, 'unresolved'> {
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
