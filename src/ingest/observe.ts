/*
 * In: the bytes of a manifest and of its config.
 * Out: the row stored for it, and what it declares of its bases.
 * Guarantees: a function of the bytes alone; bytes that cannot be read give a row that says so, never an exception.
 */
import type { ManifestFacts } from '../lineage/content.ts'
import type { BaseRole, EvidenceKind, UnresolvedReason } from '../lineage/world.ts'
import { chainIds, steps } from '../oci/chain-id.ts'
import type { Digest } from '../oci/digest.ts'
import { parseDigest } from '../oci/digest.ts'
import { type ImageConfig, parseImageConfig } from '../oci/image-config.ts'
import type { Descriptor, ImageManifest, IndexManifest, Manifest, ManifestFault } from '../oci/manifest.ts'
import { normalisePlatform, type Platform } from '../oci/platform.ts'
import type { Provenance, StatementFault } from '../oci/provenance.ts'
import { parseReference, tagRef } from '../oci/reference.ts'
import { releaseId } from '../oci/run-config.ts'
import { type ObservedOrigin, originByKeys } from './observe-origin.ts'

/**
 * Why a manifest's content is not to be had. `not-found`, `blob-not-found` (its config or statement) and
 * `digest-mismatch` may be different when asked again; the others belong to the bytes.
 */
export type Fault =
  | 'not-found'
  | 'blob-not-found'
  | 'digest-mismatch'
  | 'too-large'
  | 'bad-config'
  | 'layers-mismatch'
  | ManifestFault
  | AttestationFault

/**
 * Why an artifact's statements say nothing: they cannot be read, are no provenance, do not say of what they speak, or speak of
 * something else than what they are attached to. Such an artifact is there all the same.
 */
export type AttestationFault = StatementFault | 'no-subject' | 'other-subject'

type StoredLayer = { digest: string; diffId: string; size: number | null; mediaType: string }

/**
 * A manifest as content: a `manifest` row without the times at which it was seen. `fault` is set where kind is absent, and of an
 * artifact whose statements say nothing. `origins`: where it says that it, or what it speaks of, was built from.
 */
export type ObservedManifest = Omit<ManifestFacts, 'firstPushAt' | 'firstSeenAt'> & {
  mediaType: string
  artifactType: string | null
  configDigest: string | null
  layers: StoredLayer[]
  fault: Fault | null
  origins: ObservedOrigin[]
}

/**
 * A `declaration` row. `source`: digest of what said it; unique with subject, evidence and position. `reason`: why a recipe's FROM
 * could not be resolved; then name and digest are null.
 */
export type ObservedDeclaration = {
  subject: string
  evidence: EvidenceKind
  source: string
  position: number
  name: string | null
  digest: string | null
  platform: Platform | null
  role: BaseRole | null
  pinned: boolean
  reason: UnresolvedReason | null
}

/** A row for content that carries no lineage: an index, an artifact, or what could not be had. */
const bare = (digest: string, kind: ManifestFacts['kind'], mediaType: string): ObservedManifest => ({
  digest,
  kind,
  mediaType,
  artifactType: null,
  platform: null,
  configDigest: null,
  createdAt: null,
  layerCount: 0,
  historyAccounts: false,
  chainIds: [],
  stepIds: [],
  solidIds: [],
  releaseId: null,
  layers: [],
  fault: null,
  origins: [],
})

export const observeAbsent = (digest: string, mediaType: string, fault: Fault): ObservedManifest => ({
  ...bare(digest, 'absent', mediaType),
  fault,
})

/** The row of an index or an artifact. Of an index' entries speak their descriptors' annotations too. */
export const observePlain = (digest: Digest, manifest: Manifest): ObservedManifest => ({
  ...bare(digest, manifest.kind, manifest.mediaType),
  artifactType: manifest.artifactType,
  configDigest: manifest.kind === 'artifact' ? (manifest.config?.digest ?? null) : null,
  origins: [
    ...originByKeys('annotation', digest, digest, manifest.annotations),
    ...(manifest.kind === 'index' ? distinctEntries(manifest) : []).flatMap((entry) =>
      originByKeys('annotation', entry.digest, digest, entry.annotations),
    ),
  ],
})

/** The row of an image manifest from its config's bytes, and the bases its labels name. */
export function observeImage(
  digest: Digest,
  manifest: ImageManifest,
  configBytes: Uint8Array,
): { manifest: ObservedManifest; declarations: ObservedDeclaration[] } {
  const config = parseImageConfig(configBytes)
  if (!config) return { manifest: observeAbsent(digest, manifest.mediaType, 'bad-config'), declarations: [] }
  if (config.diffIds.length !== manifest.layers.length)
    return { manifest: observeAbsent(digest, manifest.mediaType, 'layers-mismatch'), declarations: [] }
  return {
    manifest: imageRow(digest, manifest, config),
    declarations: declaredByKeys('label', digest, manifest.config.digest, config.labels),
  }
}

function imageRow(digest: Digest, manifest: ImageManifest, config: ImageConfig): ObservedManifest {
  const { accounts, stepIds, solidIds } = steps(config.history ?? [], config.diffIds)
  return {
    ...bare(digest, 'image', manifest.mediaType),
    artifactType: manifest.artifactType,
    platform: config.platform,
    configDigest: manifest.config.digest,
    createdAt: config.created,
    layerCount: config.diffIds.length,
    historyAccounts: accounts,
    chainIds: chainIds(config.diffIds),
    stepIds,
    solidIds,
    releaseId: releaseId(config.diffIds, config.run),
    origins: [
      ...originByKeys('annotation', digest, digest, manifest.annotations),
      ...originByKeys('label', digest, manifest.config.digest, config.labels),
    ],
    layers: manifest.layers.map((layer, i) => ({
      digest: layer.digest,
      diffId: config.diffIds[i]!,
      size: layer.size,
      mediaType: layer.mediaType,
    })),
  }
}

/**
 * The bases that annotations name: a manifest's or index's own, and those on an index' descriptors, which speak of their manifests
 * (after what such a manifest says itself).
 */
export const declaredByAnnotations = (digest: Digest, manifest: Manifest): ObservedDeclaration[] => [
  ...declaredByKeys('annotation', digest, digest, manifest.annotations),
  ...(manifest.kind === 'index' ? distinctEntries(manifest) : []).flatMap((entry) =>
    declaredByKeys('annotation', entry.digest, digest, entry.annotations).map((d) => ({ ...d, position: 1 })),
  ),
]

/** The descriptors of platforms, each digest once: a second one of the same manifest says nothing more. */
const distinctEntries = (index: IndexManifest): Descriptor[] => [
  ...new Map(
    index.manifests
      .filter((entry) => !isAttestation(entry))
      .toReversed()
      .map((entry) => [entry.digest, entry]),
  ).values(),
]

const baseName = 'org.opencontainers.image.base.name'
const baseDigest = 'org.opencontainers.image.base.digest'

/** https://github.com/opencontainers/image-spec/blob/main/annotations.md; a digest inside the name pins, one beside it does not. */
function declaredByKeys(
  evidence: 'annotation' | 'label',
  subject: Digest,
  source: Digest,
  keys: Record<string, string>,
): ObservedDeclaration[] {
  const said = keys[baseName]?.trim() ?? ''
  const reference = said === '' || said === 'scratch' ? null : parseReference(said)
  const digest = reference?.digest ?? parseDigest(keys[baseDigest]?.trim())
  if (said === 'scratch' || (!reference && !digest)) return []
  const { host = '', repository = '', tag = null } = reference ?? {}
  const name = tag === null ? null : tagRef(host, repository, tag)
  const pinned = reference !== null && reference.digest !== null
  return [
    { subject, evidence, source, position: 0, name, digest, platform: null, role: 'runtime', pinned, reason: null },
  ]
}

/**
 * The bases an attestation names, for the digest it is attached to; none where the statement itself speaks of others.
 * `source`: digest of the statement. The role is the judge's: a statement does not say which FROM came last.
 */
export function declaredByProvenance(
  attests: Digest,
  source: Digest,
  said: Pick<Provenance, 'subjects' | 'materials'>,
): ObservedDeclaration[] {
  if (said.subjects.length > 0 && !said.subjects.includes(attests)) return []
  return said.materials.map((material, position) => ({
    subject: attests,
    evidence: 'provenance',
    source,
    position,
    ...material,
    role: null,
    reason: null,
  }))
}

/** A descriptor that carries attestations rather than a platform. */
export const isAttestation = (d: Descriptor): boolean =>
  d.annotations['vnd.docker.reference.type'] === 'attestation-manifest' ||
  (d.platform?.os === 'unknown' && d.platform.architecture === 'unknown')

/** The platform an index gives an entry, else its config's. A Windows entry that leaves out the version has its config's. */
export function entryPlatform(d: Descriptor, ofConfig: Platform | null): Platform | null {
  const said = d.platform ? normalisePlatform(d.platform) : null
  if (!said) return ofConfig
  return said.startsWith('windows/') && !said.includes(';') && ofConfig?.startsWith(`${said};`) ? ofConfig : said
}
