import { createHash } from 'node:crypto'
import type { Digest } from '../oci/digest.ts'
import { mediaTypes } from '../oci/media-type.ts'

/** Bytes as they are to be stored, and their digest. */
export type Blob = { bytes: Buffer; digest: Digest; mediaType: string }

/** One platform's manifest as an index names it. `platform` is OCI's object. */
export type PlatformEntry = { manifest: Blob; platform: PlatformObject }
export type PlatformObject = { os: string; architecture: string; variant?: string; [field: string]: unknown }

const oci = 'application/vnd.oci.image'

/** Docker's layer types and their OCI names: the same bytes. https://github.com/opencontainers/image-spec/blob/main/media-types.md */
const ociLayerTypes: Record<string, string> = {
  'application/vnd.docker.image.rootfs.diff.tar': `${oci}.layer.v1.tar`,
  'application/vnd.docker.image.rootfs.diff.tar.gzip': `${oci}.layer.v1.tar+gzip`,
  'application/vnd.docker.image.rootfs.diff.tar.zstd': `${oci}.layer.v1.tar+zstd`,
  'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip': `${oci}.layer.nondistributable.v1.tar+gzip`,
}

type Descriptor = { mediaType: string; digest: Digest; size: number }
type Annotations = Readonly<Record<string, string>>

/** An OCI manifest of a config and layers. Always OCI, because Docker's own manifest has no place for annotations. */
export function ociManifest(config: Descriptor, layers: readonly Descriptor[], annotations: Annotations): Blob {
  return blob(
    {
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      config,
      layers: layers.map((layer) => ({ ...layer, mediaType: ociLayerTypes[layer.mediaType] ?? layer.mediaType })),
      annotations,
    },
    mediaTypes.ociManifest,
  )
}

type Stored = { config: Descriptor; layers: Descriptor[]; annotations?: Annotations }

/** What a daemon pushed, said again in OCI's words and with annotations: the same config and layers, so the same content. */
export function annotatedManifest(pushed: Uint8Array, annotations: Annotations): Blob {
  const { config, layers, annotations: own = {} } = JSON.parse(Buffer.from(pushed).toString('utf8')) as Stored
  return ociManifest({ ...config, mediaType: mediaTypes.ociConfig }, layers, { ...own, ...annotations })
}

/** One manifest for each platform under one digest; with `docker` in Docker's words, for a registry that takes no others. */
export function indexOf(entries: readonly PlatformEntry[], annotations: Annotations, words: 'oci' | 'docker'): Blob {
  const mediaType = words === 'oci' ? mediaTypes.ociIndex : mediaTypes.dockerIndex
  const manifests = entries.map(({ manifest: { mediaType, digest, bytes }, platform }) => ({
    ...{ mediaType, digest, size: bytes.length, platform },
  }))
  return blob({ schemaVersion: 2, mediaType, manifests, ...(words === 'oci' ? { annotations } : {}) }, mediaType)
}

/** Any value as a blob of JSON. */
export function blob(value: unknown, mediaType: string): Blob {
  const bytes = Buffer.from(JSON.stringify(value))
  return { bytes, digest: `sha256:${createHash('sha256').update(bytes).digest('hex')}` as Digest, mediaType }
}
