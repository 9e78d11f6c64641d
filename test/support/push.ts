import { gzipSync } from 'node:zlib'
import type { Digest } from '../../src/oci/digest.ts'
import { mediaTypes } from '../../src/oci/media-type.ts'
import { digestOf } from '../../src/registry/check-digest.ts'
import { makeClient, type RegistryClient } from '../../src/registry/client.ts'

/** A client, or the address of a registry that needs no login. */
export type Into = RegistryClient | string

export type PushedImage = {
  manifestDigest: Digest
  configDigest: Digest
  diffIds: Digest[]
  mediaType: string
  size: number
  platform: TestPlatform
  /** what a child of it begins with */
  layers: LayerDescriptor[]
  history: HistoryLine[]
  config: Record<string, unknown>
}

export type TestPlatform = { os: string; architecture: string; variant?: string; 'os.version'?: string }
export type HistoryLine = { created_by?: string; empty_layer?: boolean; created?: string }
type LayerDescriptor = { mediaType: string; size: number; digest: Digest }

export type ImageSpec = {
  repository: string
  /** none: pushed by digest alone */
  tag?: string
  /** contents of its own layers, bottom to top: any text; equal texts are equal layers */
  layers: readonly string[]
  /** what it is built on: its layers, history and run configuration come first. Layers are pushed again, or were there. */
  base?: PushedImage
  /** history of its own steps; default one line a layer, naming it. null: no history at all, not even the base's. */
  history?: readonly HistoryLine[] | null
  /** run configuration (`Env`, `Cmd`, `Labels`, …), laid over the base's */
  config?: Record<string, unknown>
  platform?: TestPlatform
  annotations?: Record<string, string>
  created?: string
  /** media types: OCI's (default) or Docker's */
  format?: 'oci' | 'docker'
  /** gzip level of its own layers (default 6): another level is the same content in other bytes */
  level?: number
}

const linux: TestPlatform = { os: 'linux', architecture: 'amd64' }

/** Pushes one platform manifest made of texts: blobs, config, then the manifest under its tag or digest. */
export async function pushImage(into: Into, spec: ImageSpec): Promise<PushedImage> {
  const { repository, base, level = 6 } = spec
  const [manifestType, configType, layerType] = typesOf(spec.format ?? 'oci')
  const blobs = new Map<Digest, Buffer>()
  const own = spec.layers.map((text) => {
    const bytes = gzipSync(text, { level })
    blobs.set(digestOf(bytes), bytes)
    return {
      diffId: digestOf(Buffer.from(text)),
      descriptor: { mediaType: layerType, size: bytes.length, digest: digestOf(bytes) },
    }
  })
  const layers = [...(base?.layers ?? []), ...own.map(({ descriptor }) => descriptor)]
  const diffIds = [...(base?.diffIds ?? []), ...own.map(({ diffId }) => diffId)]
  const steps = spec.history ?? spec.layers.map((text) => ({ created_by: `COPY ${text.slice(0, 60)}` }))
  const history = spec.history === null ? [] : [...(base?.history ?? []), ...steps]
  const platform = spec.platform ?? base?.platform ?? linux
  const config = { ...base?.config, ...spec.config }
  const body = Buffer.from(
    JSON.stringify({
      created: spec.created ?? '2026-01-01T00:00:00Z',
      ...platform,
      config,
      rootfs: { type: 'layers', diff_ids: diffIds },
      ...(spec.history === null ? {} : { history }),
    }),
  )
  const configDigest = digestOf(body)
  blobs.set(configDigest, body)
  return withClient(into, async (client) => {
    for (const [digest, bytes] of blobs) await client.uploadBlob(repository, digest, bytes)
    for (const layer of base?.layers ?? []) await bring(client, repository, layer.digest)
    const manifest = {
      schemaVersion: 2,
      mediaType: manifestType,
      config: { mediaType: configType, size: body.length, digest: configDigest },
      layers,
      ...(spec.annotations ? { annotations: spec.annotations } : {}),
    }
    const { digest, size } = await put(client, repository, spec.tag, manifest, manifestType)
    return {
      manifestDigest: digest,
      configDigest,
      diffIds,
      mediaType: manifestType,
      size,
      platform,
      layers,
      history,
      config,
    }
  })
}

/** A layer of the base: there already, or mounted from any repository of the same registry. */
async function bring(client: RegistryClient, repository: string, digest: Digest): Promise<void> {
  if (await client.hasBlob(repository, digest)) return
  for await (const other of client.listRepositories())
    if ((await client.hasBlob(other, digest)) && (await client.mountBlob(repository, digest, other))) return
  throw new Error(`no repository of this registry has ${digest}: push the base first`)
}

export type IndexSpec = {
  repository: string
  tag?: string
  /** images of the same repository */
  manifests: readonly PushedImage[]
  /** further entries as they are, such as attestations */
  further?: readonly Record<string, unknown>[]
  annotations?: Record<string, string>
  format?: 'oci' | 'docker'
}

/** Pushes an index over manifests that are in its repository, and gives its digest. */
export async function pushIndex(into: Into, spec: IndexSpec): Promise<Digest> {
  const mediaType = spec.format === 'docker' ? mediaTypes.dockerIndex : mediaTypes.ociIndex
  const entries = spec.manifests.map(({ mediaType, size, manifestDigest: digest, platform }) => ({
    mediaType,
    size,
    digest,
    platform,
  }))
  const annotations = spec.annotations ? { annotations: spec.annotations } : {}
  const body = { schemaVersion: 2, mediaType, manifests: [...entries, ...(spec.further ?? [])], ...annotations }
  return withClient(into, async (client) => (await put(client, spec.repository, spec.tag, body, mediaType)).digest)
}

/** Pushes a manifest as it is: bytes, or a value to be written as JSON. What it points at must be there. */
export function pushManifest(
  into: Into,
  repository: string,
  reference: string,
  manifest: Buffer | object,
  mediaType: string,
): Promise<Digest> {
  const bytes = Buffer.isBuffer(manifest) ? manifest : Buffer.from(JSON.stringify(manifest))
  return withClient(into, (client) => client.putManifest(repository, reference, { bytes, mediaType }))
}

async function put(
  client: RegistryClient,
  repository: string,
  tag: string | undefined,
  manifest: object,
  mediaType: string,
): Promise<{ digest: Digest; size: number }> {
  const bytes = Buffer.from(JSON.stringify(manifest))
  const digest = await client.putManifest(repository, tag ?? digestOf(bytes), { bytes, mediaType })
  return { digest, size: bytes.length }
}

const typesOf = (format: 'oci' | 'docker'): [manifest: string, config: string, layer: string] =>
  format === 'oci'
    ? [mediaTypes.ociManifest, mediaTypes.ociConfig, mediaTypes.ociLayer]
    : [mediaTypes.dockerManifest, mediaTypes.dockerConfig, mediaTypes.dockerLayer]

async function withClient<T>(into: Into, work: (client: RegistryClient) => Promise<T>): Promise<T> {
  if (typeof into !== 'string') return work(into)
  const client = makeClient({ url: new URL(into) })
  try {
    return await work(client)
  } finally {
    client.close()
  }
}
