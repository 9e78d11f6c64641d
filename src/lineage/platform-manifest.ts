import type { Platform } from '../oci/platform.ts'
import type { ManifestFacts } from './content.ts'
import type { World } from './world.ts'

/** One platform of what a tag points at; `manifest` null where its content could not be had. */
export type PlatformManifest = { platform: Platform; digest: string; manifest: ManifestFacts | null }

/** Nobody says for which platform it is: neither the index nor a config, which is not to be had. */
const unknownPlatform = 'unknown/unknown' as Platform

/**
 * The platforms of a manifest or index, attestations left out, each once (the first entry wins, as for a client),
 * in sort order. Empty for an artifact and for what was never fetched.
 */
export function platformsOf(world: World, digest: string): PlatformManifest[] {
  const head = world.manifest(digest)
  if (head?.kind === 'image') return [{ platform: head.platform ?? unknownPlatform, digest, manifest: head }]
  if (head?.kind !== 'index') return []
  const found = new Map<Platform, PlatformManifest>()
  for (const entry of world.entries(digest)) {
    const manifest = world.manifest(entry.manifestDigest)
    const missing = !manifest || manifest.kind === 'absent'
    const platform = entry.platform ?? manifest?.platform ?? (missing ? unknownPlatform : null)
    if (entry.attestation || !platform || found.has(platform) || manifest?.kind === 'artifact') continue
    const readable = manifest?.kind === 'image' ? manifest : null
    found.set(platform, { platform, digest: entry.manifestDigest, manifest: readable })
  }
  return [...found.values()].sort((a, b) => (a.platform < b.platform ? -1 : 1))
}

/**
 * The manifest for a platform. For Windows, an `os.version` of the same build (10.0.20348.x) stands in where the very
 * revision is missing, as it runs on the same host and every month's base carries a new revision.
 */
export function manifestFor(world: World, digest: string, platform: Platform): PlatformManifest | null {
  const all = platformsOf(world, digest)
  const exact = all.find((p) => p.platform === platform)
  if (exact || !platform.startsWith('windows/')) return exact ?? null
  return all.find((p) => windowsBuild(p.platform) === windowsBuild(platform)) ?? null
}

const windowsBuild = (platform: Platform): string => platform.replace(/(;\d+\.\d+\.\d+)\.\d+$/, '$1')
