/*
 * In: the bytes of a manifest and of its config.
 * Out: the row stored for it, and what it declares of its bases.
 * Guarantees: a function of the bytes alone; bytes that cannot be read give a row that says so, never an exception.
 */
import type { ManifestFacts } from '../lineage/content.ts'
import type { BaseRole, EvidenceKind } from '../lineage/world.ts'
import { chainIds, steps } from '../oci/chain-id.ts'
import type { Digest } from '../oci/digest.ts'
import { parseDigest } from '../oci/digest.ts'
import { type ImageConfig, parseImageConfig } from '../oci/image-config.ts'
import type { Descriptor, ImageManifest, Manifest, ManifestFault } from '../oci/manifest.ts'
import { normalisePlatform, type Platform } from '../oci/platform.ts'
import type { Provenance } from '../oci/provenance.ts'
import { parseReference, tagRef } from '../oci/reference.ts'
import { releaseId } from '../oci/run-config.ts'

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

type StoredLayer = { digest: string; diffId: string; size: number | null; mediaType: string }

/** A manifest as content: a `manifest` row without the times at which it was seen. `fault` is set iff kind is absent. */
export type ObservedManifest = Omit<ManifestFacts, 'firstPushAt' | 'firstSeenAt'> & {
  mediaType: string
  artifactType: string | null
  configDigest: string | null
  layers: StoredLayer[]
  fault: Fault | null
}

/** A `declaration` row. `source`: digest of what said it; unique with subject, evidence and position. */
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
})

export const observeAbsent = (digest: string, mediaType: string, fault: Fault): ObservedManifest => ({
  ...bare(digest, 'absent', mediaType),
  fault,
})

/** The row of an index or an artifact. */
export const observePlain = (digest: Digest, manifest: Manifest): ObservedManifest => ({
  ...bare(digest, manifest.kind, manifest.mediaType),
  artifactType: manifest.artifactType,
  configDigest: manifest.kind === 'artifact' ? (manifest.config?.digest ?? null) : null,
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
    layers: manifest.layers.map((layer, i) => ({
      digest: layer.digest,
      diffId: config.diffIds[i]!,
      size: layer.size,
      mediaType: layer.mediaType,
    })),
  }
}

/** The bases a manifest's or index's own annotations name. */
export const declaredByAnnotations = (digest: Digest, manifest: Manifest): ObservedDeclaration[] =>
  declaredByKeys('annotation', digest, digest, manifest.annotations)

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
  return [{ subject, evidence, source, position: 0, name, digest, platform: null, role: 'runtime', pinned }]
}

/**
 * The bases an attestation names, for the digest it is attached to; none where the statement itself speaks of others.
 * `source`: digest of the statement. The role is the judge's: a statement does not say which FROM came last.
 */
export function declaredByProvenance(attests: Digest, source: Digest, said: Provenance): ObservedDeclaration[] {
  if (said.subjects.length > 0 && !said.subjects.includes(attests)) return []
  return said.materials.map((material, position) => ({
    subject: attests,
    evidence: 'provenance',
    source,
    position,
    ...material,
    role: null,
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
