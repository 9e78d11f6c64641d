import { z } from 'zod'
import { type Digest, isDigest } from '../oci/digest.ts'
import { normalisePlatform, type Platform } from '../oci/platform.ts'
import { contentName, type Reference } from '../oci/reference.ts'
import type { RegistryClient } from '../registry/registries.ts'
import { BuildError } from './build-error.ts'
import type { ImageConfig, Layered } from './rebase-merge.ts'

const digest = z.custom<Digest>(isDigest)
const platform = z.looseObject({ os: z.string(), architecture: z.string() })
const annotations = z.record(z.string(), z.string()).nullish()

const Index = z.looseObject({
  manifests: z.array(z.looseObject({ digest, platform: platform.nullish(), annotations })),
})

const ImageManifest = z.looseObject({
  config: z.looseObject({ digest, mediaType: z.string() }),
  layers: z.array(
    z.looseObject({
      mediaType: z.string(),
      digest,
      size: z.number(),
      urls: z.array(z.string()).optional(),
      annotations: z.record(z.string(), z.string()).optional(),
    }),
  ),
  annotations,
})

const Config = z.looseObject({
  os: z.string(),
  architecture: z.string(),
  rootfs: z.looseObject({ type: z.string(), diff_ids: z.array(z.string()) }),
  history: z.array(z.looseObject({ created_by: z.string().optional(), empty_layer: z.boolean().optional() })).nullish(),
  config: z.record(z.string(), z.unknown()).nullish(),
})

/** A manifest opened: what it is made of, and `head`, the digest of what was asked for (the index, where it is one). */
export type Opened = Layered & { head: Digest; annotations: Record<string, string>; platform: Platform | null }

/** A repository, with what reads it there. */
export type Place = Pick<Reference, 'host' | 'repository'> & { client: RegistryClient }

const maxConfigBytes = 8 * 1024 * 1024

/**
 * Reads a manifest with its config. Of an index the manifest for `wanted`; with `wanted` null an index is refused.
 * Errors: `absent` as the caller names it, `index-not-supported`, `platform-absent`, `config-unreadable`.
 */
export async function readLayered(
  place: Place,
  reference: string,
  { wanted, absent, signal }: { wanted: Platform | null; absent: string; signal: AbortSignal },
): Promise<Opened> {
  const { client, repository } = place
  const name = contentName(place, reference)
  const found = await client.getManifest(repository, reference, { signal })
  if (!found) throw new BuildError(absent, `${name} does not exist`)
  const body: unknown = JSON.parse(Buffer.from(found.bytes).toString('utf8'))
  const head = found.digest
  const index = Index.safeParse(body)
  if (index.success) {
    if (!wanted) {
      throw new BuildError(
        'index-not-supported',
        'it has several platforms (an index): only a single manifest can be rebased yet',
      )
    }
    const entry = entryFor(index.data.manifests, wanted)
    if (!entry) throw new BuildError('platform-absent', `${name} has no manifest for ${wanted}`)
    return { ...(await readLayered(place, entry.digest, { wanted: null, absent, signal })), head }
  }
  const manifest = ImageManifest.safeParse(body)
  if (!manifest.success) throw new BuildError('config-unreadable', `${name} is no image manifest`)
  const config = await readConfig(place, manifest.data.config.digest, signal)
  if (config.rootfs.diff_ids.length !== manifest.data.layers.length) {
    throw new BuildError('config-unreadable', `${name} has not as many layers as its config says`)
  }
  return {
    config,
    layers: manifest.data.layers as Layered['layers'],
    annotations: manifest.data.annotations ?? {},
    platform: normalisePlatform(config),
    head,
  }
}

async function readConfig(place: Place, digest: Digest, signal: AbortSignal): Promise<ImageConfig> {
  const { client, repository } = place
  const name = contentName(place, digest)
  const bytes = await client.getBlob(repository, digest, { maxBytes: maxConfigBytes, signal })
  if (!bytes) throw new BuildError('config-unreadable', `the config ${name} does not exist`)
  try {
    return Config.parse(JSON.parse(Buffer.from(bytes).toString('utf8'))) as ImageConfig
  } catch (cause) {
    throw new BuildError('config-unreadable', `${name} is no image config`, { cause })
  }
}

type Entry = z.infer<typeof Index>['manifests'][number]

/** The entry of that very platform; for Windows else the one of the same build (10.0.20348), whose patch level moves. */
function entryFor(entries: readonly Entry[], wanted: Platform): Entry | undefined {
  const all = entries.flatMap((entry) => {
    const named = entry.platform ? normalisePlatform(entry.platform) : null
    return named ? [{ entry, named }] : []
  })
  const windowsBuild = (text: string) => text.split('.').slice(0, 3).join('.')
  const exact = all.find(({ named }) => named === wanted)
  return (exact ?? all.find(({ named }) => named.includes(';') && windowsBuild(named) === windowsBuild(wanted)))?.entry
}
