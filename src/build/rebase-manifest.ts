import type { Digest } from '../oci/digest.ts'
import { mediaTypes } from '../oci/media-type.ts'
import { type Blob, blob, ociManifest } from './published-manifest.ts'
import type { Layered } from './rebase-merge.ts'

/** Layers of this kind are fetched from their `urls`, and may not be copied. */
export const isForeignLayer = (mediaType: string): boolean => /foreign|nondistributable/.test(mediaType)

/** The OCI manifest and config of a rebased tag. `subject` is not taken over: what refers to the old content does not to the new. */
export function rebasedManifest(
  merged: Layered,
  annotations: Readonly<Record<string, string>>,
): { manifest: Blob; config: Blob } {
  const config = blob(merged.config, mediaTypes.ociConfig)
  const descriptor = { mediaType: config.mediaType, digest: config.digest, size: config.bytes.length }
  return { manifest: ociManifest(descriptor, merged.layers, annotations), config }
}

/** A child's annotations on what it is rebased to: those that name its base, and why it was built, are written anew. */
export const rebasedAnnotations = (
  child: Readonly<Record<string, string>>,
  base: { name: string; digest: Digest },
  cause: Readonly<Record<string, string>>,
): Record<string, string> => ({
  ...Object.fromEntries(Object.entries(child).filter(([key]) => !key.startsWith('dev.drydock.'))),
  'org.opencontainers.image.base.name': base.name,
  'org.opencontainers.image.base.digest': base.digest,
  ...cause,
})
