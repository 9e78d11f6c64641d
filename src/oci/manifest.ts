import { z } from 'zod'
import { type Digest, isDigest } from './digest.ts'

/**
 * A manifest read leniently: unknown fields are left alone, unusable optional ones are dropped.
 * https://github.com/opencontainers/image-spec/blob/main/manifest.md and image-index.md; Docker's schema 2 is the same shape.
 */
export type Manifest = IndexManifest | ImageManifest | ArtifactManifest

type Common = {
  mediaType: string
  artifactType: string | null
  annotations: Record<string, string>
  subject: Digest | null
}
export type IndexManifest = Common & { kind: 'index'; manifests: Descriptor[] }
/** A manifest whose config is an image config and whose layers are file systems. */
export type ImageManifest = Common & { kind: 'image'; config: Descriptor; layers: Descriptor[] }
/** Everything else with a manifest: charts, signatures, SBOMs, attestations. */
type ArtifactManifest = Common & { kind: 'artifact'; config: Descriptor | null; layers: Descriptor[] }

/** Why bytes are no manifest we can use. schema1: Docker's first format, which has neither config nor diffIDs. */
export type ManifestFault = 'bad-manifest' | 'schema1'

const text = z.string().nullish().catch(null)
const annotations = z
  .record(z.string(), z.unknown())
  .nullish()
  .catch(null)
  .transform((all) =>
    Object.fromEntries(Object.entries(all ?? {}).filter((e): e is [string, string] => typeof e[1] === 'string')),
  )
const platform = z.object({ os: text, architecture: text, variant: text, 'os.version': text }).nullish().catch(null)

const Descriptor = z
  .object({
    mediaType: text,
    artifactType: text,
    digest: z.custom<Digest>(isDigest),
    size: z.number().nullish().catch(null),
    platform,
    annotations,
  })
  .transform((d) => ({
    mediaType: d.mediaType ?? '',
    artifactType: d.artifactType ?? null,
    digest: d.digest,
    size: d.size ?? null,
    platform: d.platform
      ? {
          os: d.platform.os ?? undefined,
          architecture: d.platform.architecture ?? undefined,
          variant: d.platform.variant ?? undefined,
          'os.version': d.platform['os.version'] ?? undefined,
        }
      : null,
    annotations: d.annotations,
  }))
/** https://github.com/opencontainers/image-spec/blob/main/descriptor.md */
export type Descriptor = z.output<typeof Descriptor>

const Body = z.object({
  schemaVersion: z.number().nullish().catch(null),
  mediaType: text,
  artifactType: text,
  annotations,
  subject: Descriptor.nullish().catch(null),
  config: Descriptor.nullish(),
  layers: z.array(Descriptor).nullish(),
  blobs: z.array(Descriptor).nullish(),
  manifests: z.array(Descriptor).nullish(),
})

const imageConfig = /^application\/vnd\.(oci\.image\.config\.v1|docker\.container\.image\.v1)\+json$/
const fileSystem = /^application\/vnd\.(oci\.image\.layer\.|docker\.image\.rootfs\.)/
/** Reads a manifest's bytes. `mediaType` is the Content-Type it came with; what the body says of itself comes first. */
export function parseManifest(bytes: Uint8Array, mediaType: string): Manifest | ManifestFault {
  const parsed = Body.safeParse(parseJson(bytes))
  if (!parsed.success) return 'bad-manifest'
  const { config, layers, blobs, manifests, ...body } = parsed.data
  if (body.schemaVersion === 1) return 'schema1'
  const common: Common = {
    mediaType: body.mediaType ?? mediaType,
    artifactType: body.artifactType ?? null,
    annotations: body.annotations,
    subject: body.subject?.digest ?? null,
  }
  if (manifests) return layers || config ? 'bad-manifest' : { ...common, kind: 'index', manifests } // CVE-2021-41190
  if (!config)
    return blobs || body.artifactType
      ? { ...common, kind: 'artifact', config: null, layers: blobs ?? layers ?? [] }
      : 'bad-manifest'
  const held = layers ?? []
  return isImage(config, held)
    ? { ...common, kind: 'image', config, layers: held }
    : { ...common, artifactType: common.artifactType ?? config.mediaType, kind: 'artifact', config, layers: held }
}

/**
 * An image config type alone proves nothing: cosign and older BuildKit put signatures and attestations under one.
 * Docker 1.10 pushed its configs as octet-stream.
 */
function isImage(config: Descriptor, layers: Descriptor[]): boolean {
  const holdsFiles = layers.some((layer) => fileSystem.test(layer.mediaType))
  if (config.mediaType === 'application/octet-stream') return holdsFiles
  return imageConfig.test(config.mediaType) && (layers.length === 0 || holdsFiles)
}

/** The JSON value of UTF-8 bytes, or undefined where they are none. */
export function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    return undefined
  }
}
