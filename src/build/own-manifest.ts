import { bestForPlatform } from '../oci/best-for-platform.ts'
import { type Digest, isDigest } from '../oci/digest.ts'
import { parseJson } from '../oci/manifest.ts'
import { isIndex } from '../oci/media-type.ts'
import { type Platform, type PlatformFields, parsePlatform } from '../oci/platform.ts'
import { contentName, type Reference } from '../oci/reference.ts'
import type { RegistryClient } from '../registry/registries.ts'
import { BuildError } from './build-error.ts'

const mostConfigBytes = 4 * 1024 * 1024

/** The one manifest a platform has of a content, and the ONBUILD triggers in its config; null without a config (schema 1). */
export type OwnManifest = { digest: Digest; triggers: string[] | null }

/**
 * Chooses out of an index as Docker does, so that it is never given an index to choose from itself; reads the triggers. Null where the registry
 * has no such content. Errors: `platform-absent`, `base-absent`, `base-invalid` for what is read in more than one way, those of the client.
 */
export async function ownManifest(
  client: RegistryClient,
  reference: Reference,
  digest: Digest,
  platform: Platform,
  signal: AbortSignal,
): Promise<OwnManifest | null> {
  const { repository } = reference
  const name = contentName(reference, digest)
  const found = await client.getManifest(repository, digest, { signal })
  if (!found) return null
  if (!isIndex(found.mediaType)) return withTriggers(client, reference, digest, found.bytes, signal)
  const entry = bestForPlatform(entriesOf(found.bytes), platform)
  if (!entry || !isDigest(entry.digest))
    throw new BuildError('platform-absent', `${name} has no manifest for ${platform}`)
  const own = await client.getManifest(repository, entry.digest, { signal })
  if (!own) throw new BuildError('base-absent', `${name} names ${entry.digest}, which does not exist`)
  if (isIndex(own.mediaType)) throw new BuildError('base-invalid', `${name} is an index of indexes`)
  return withTriggers(client, reference, entry.digest, own.bytes, signal)
}

/** A platform as FROM names it, by one word too; what it leaves out is the host's. Error: `base-invalid`. */
export function namedPlatform(text: string, host: string): Platform {
  const [os = '', architecture = ''] = host.split('/')
  const isOs = /^(linux|windows|darwin|macos|freebsd)$/i.test(text)
  const whole = text.includes('/') ? text : isOs ? `${text}/${architecture}` : `${os}/${text}`
  const platform = /^[\w-]+(\([\w.-]*\))?(\/[\w.-]+){1,2}$/.test(whole) ? parsePlatform(whole) : null
  if (platform === null)
    throw new BuildError(
      'base-invalid',
      `${text.slice(0, 200)} is no platform: it should say os/architecture[/variant]`,
    )
  return platform
}

type Entry = { digest?: unknown; platform?: PlatformFields | undefined }

function entriesOf(bytes: Uint8Array): Entry[] {
  const body = parseJson(bytes) as { manifests?: unknown } | null
  const entries: unknown[] = Array.isArray(body?.manifests) ? body.manifests : []
  return entries.flatMap((entry) => {
    if (typeof entry !== 'object' || entry === null) return []
    const { digest, platform } = entry as { digest?: unknown; platform?: unknown }
    return [{ digest, platform: fieldsOf(platform) }]
  })
}

function fieldsOf(platform: unknown): PlatformFields | undefined {
  if (typeof platform !== 'object' || platform === null) return undefined
  return Object.fromEntries(Object.entries(platform).filter(([, value]) => typeof value === 'string'))
}

async function withTriggers(
  client: RegistryClient,
  reference: Reference,
  digest: Digest,
  bytes: Uint8Array,
  signal: AbortSignal,
): Promise<OwnManifest> {
  const name = contentName(reference, digest)
  const body = parseJson(bytes)
  // Go takes keys in any case.
  if (valuesOf(body, 'manifests').length > 0)
    throw new BuildError('base-invalid', `${name} is index and manifest at once`)
  const config = (body as { config?: { digest?: unknown } } | null)?.config?.digest
  if (typeof config !== 'string' || !isDigest(config)) return { digest, triggers: null }
  const read = await client.getBlob(reference.repository, config, { maxBytes: mostConfigBytes, signal })
  if (!read) throw new BuildError('base-absent', `${name} has no config`)
  const triggers = valuesOf(parseJson(read), 'config').flatMap((one) => valuesOf(one, 'onbuild').flat())
  return { digest, triggers: triggers.filter((trigger) => typeof trigger === 'string') }
}

/** All values of an object's key, however it is written. */
const valuesOf = (object: unknown, key: string): unknown[] =>
  typeof object === 'object' && object !== null
    ? Object.entries(object).flatMap(([name, value]) => (name.toLowerCase() === key ? [value as unknown] : []))
    : []
