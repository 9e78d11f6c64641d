import { createHash } from 'node:crypto'
import type { Digest } from '../oci/digest.ts'
import type { Layered } from './rebase-merge.ts'

/** Bytes as they are to be stored, and their digest. */
export type Blob = { bytes: Buffer; digest: Digest; mediaType: string }

const oci = 'application/vnd.oci.image'
export const manifestType = `${oci}.manifest.v1+json`

/** Docker's layer types and their OCI names: the same bytes. https://github.com/opencontainers/image-spec/blob/main/media-types.md */
const ociLayerTypes: Record<string, string> = {
  'application/vnd.docker.image.rootfs.diff.tar': `${oci}.layer.v1.tar`,
  'application/vnd.docker.image.rootfs.diff.tar.gzip': `${oci}.layer.v1.tar+gzip`,
  'application/vnd.docker.image.rootfs.diff.tar.zstd': `${oci}.layer.v1.tar+zstd`,
  'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip': `${oci}.layer.nondistributable.v1.tar+gzip`,
}

/** Layers of this kind are fetched from their `urls`, and may not be copied. */
export const isForeignLayer = (mediaType: string): boolean => /foreign|nondistributable/.test(mediaType)

/**
 * The OCI manifest and config of a rebased tag. `annotations` are the child's; those that name its base are written anew. OCI even
 * for a Docker child, because Docker's own manifest has no place for annotations. `subject` is not taken over.
 */
export function rebasedManifest(
  merged: Layered,
  annotations: Readonly<Record<string, string>>,
  base: { name: string; digest: Digest },
): { manifest: Blob; config: Blob } {
  const config = blob(merged.config, `${oci}.config.v1+json`)
  const body = {
    schemaVersion: 2,
    mediaType: manifestType,
    config: { mediaType: config.mediaType, digest: config.digest, size: config.bytes.length },
    layers: merged.layers.map((layer) => ({ ...layer, mediaType: ociLayerTypes[layer.mediaType] ?? layer.mediaType })),
    annotations: {
      ...annotations,
      'org.opencontainers.image.base.name': base.name,
      'org.opencontainers.image.base.digest': base.digest,
    },
  }
  return { manifest: blob(body, manifestType), config }
}

function blob(value: unknown, mediaType: string): Blob {
  const bytes = Buffer.from(JSON.stringify(value))
  return { bytes, digest: `sha256:${createHash('sha256').update(bytes).digest('hex')}` as Digest, mediaType }
}
