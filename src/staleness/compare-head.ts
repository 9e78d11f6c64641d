import { basedOn, equalContent, type ManifestFacts, sameRelease } from '../lineage/content.ts'
import { manifestFor } from '../lineage/platform-manifest.ts'
import { headOf, type TagTimeline, type World } from '../lineage/world.ts'
import type { Instant } from '../oci/instant.ts'
import type { Platform } from '../oci/platform.ts'
import type { UnknownReason } from './verdict.ts'

/**
 * What a name's head is to T, which was built when the name was at U.
 * - at: the same release as U
 * - spared: elsewhere, but not moved *for T*: at T's own content, between U and T, or at something made of T
 * - moved: from the tag head it left (null: never seen there), when, and to which head
 */
export type Comparison =
  | { state: 'at'; platform: Platform }
  | { state: 'spared'; platform: Platform }
  | { state: 'moved'; from: string | null; to: string; leftAt: Instant }
  | { state: 'unknown'; reason: UnknownReason }

/** The name's present manifest for T's platform, or where it has none, for the platform U has. */
export function presentManifest(
  world: World,
  name: TagTimeline,
  platform: Platform,
  u: ManifestFacts | null,
): { platform: Platform; manifest: ManifestFacts; head: string } | { reason: UnknownReason } {
  const head = headOf(name)
  if (!head) return { reason: 'base-absent' }
  const kind = world.manifest(head.digest)?.kind
  if (kind === undefined || kind === 'absent') return { reason: 'base-unreachable' }
  const found =
    manifestFor(world, head.digest, platform) ?? (u?.platform ? manifestFor(world, head.digest, u.platform) : null)
  if (!found) return { reason: 'platform-absent' }
  return found.manifest
    ? { platform: found.platform, manifest: found.manifest, head: head.digest }
    : { reason: 'base-unreachable' }
}

export function compareHead(
  world: World,
  t: TagTimeline,
  m: ManifestFacts,
  name: TagTimeline,
  u: ManifestFacts,
  platform: Platform,
): Comparison {
  const now = presentManifest(world, name, platform, u)
  if ('reason' in now) return { state: 'unknown', reason: now.reason }
  const c = now.manifest
  if (sameRelease(u, c)) return { state: 'at', platform: now.platform }
  if (!equalContent(u, c) && isSpared(world, t, m, name, u, c)) return { state: 'spared', platform: now.platform }
  return { state: 'moved', to: now.head, ...leaving(world, name, u, platform) }
}

/**
 * lineage.md, "never its own cause". A name that went on to something made of T is spared where it is a tag of T's own
 * repository or was itself at T's content on its way (`latest` moving along 1.1, 1.2, S3b); a base that was rebuilt on top of
 * its own child has moved for that child all the same (S16). See docs/adr/0002.
 */
function isSpared(
  world: World,
  t: TagTimeline,
  m: ManifestFacts,
  name: TagTimeline,
  u: ManifestFacts,
  c: ManifestFacts,
): boolean {
  if (equalContent(c, m)) return true
  if (basedOn(c, u) && basedOn(m, c)) return true
  return basedOn(c, m) && (name.repository === t.repository || wasAt(world, name, m))
}

const wasAt = (world: World, name: TagTimeline, m: ManifestFacts): boolean =>
  name.spans.some((span) => {
    const then = m.platform ? manifestFor(world, span.digest, m.platform)?.manifest : world.manifest(span.digest)
    return then !== null && then !== undefined && equalContent(then, m)
  })

/** When the name last left U's release, and from which head: the push that ended its last stay there. */
function leaving(
  world: World,
  name: TagTimeline,
  u: ManifestFacts,
  platform: Platform,
): { from: string | null; leftAt: Instant } {
  const stayed = name.spans.findLastIndex((span) => {
    const then =
      manifestFor(world, span.digest, platform)?.manifest ??
      (u.platform ? manifestFor(world, span.digest, u.platform)?.manifest : null)
    return then ? sameRelease(then, u) : false
  })
  const next = name.spans[stayed + 1]
  return stayed >= 0 && next
    ? { from: name.spans[stayed]!.digest, leftAt: next.from }
    : { from: null, leftAt: headOf(name)!.from }
}
