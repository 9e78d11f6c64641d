/*
 * In: the body of a registry's notification, `events.v1+json` or `events.v2+json` (the same shape; parsed as what it is).
 * Out: each event as handled, ignored with a reason, or irrelevant.
 * Guarantees: total; one bad event costs none of the others; nothing in a body is trusted beyond its form.
 * https://distribution.github.io/distribution/about/notifications/
 */
import { createHash } from 'node:crypto'
import { z } from 'zod'
import { isDigest } from '../oci/digest.ts'
import { type Instant, parseInstant } from '../oci/instant.ts'
import { parseJson } from '../oci/manifest.ts'
import { bareMediaType, mediaTypes } from '../oci/media-type.ts'
import { isStagingTag } from '../oci/own-tags.ts'
import { isRepository, isTagName } from '../oci/reference.ts'

/** The columns of an `event` row that come from outside. Texts are cut and free of NUL, so that any of them can be stored. */
export type ReceivedEvent = {
  eventId: string
  action: string
  repository: string
  tag: string | null
  digest: string | null
  mediaType: string | null
  at: Instant
  actor: string | null
}

/** Of the last three: docs/design/webhooks.md. */
export type IgnoreReason =
  | 'not-an-event'
  | 'unknown-action'
  | 'no-repository'
  | 'bad-repository'
  | 'bad-tag'
  | 'no-digest'
  | 'bad-digest'
  | 'no-media-type'
  | 'bad-timestamp'
  | 'repository-delete'
  | 'staging-tag'
  | 'repository-change'
  | 'other-registry'
  | 'too-many-tags'

/** An event that is handled and whose action is `look` states no fact: the registry is asked about what it names. */
export type Verdict =
  | { kind: 'handled'; event: ReceivedEvent }
  | { kind: 'ignored'; event: ReceivedEvent; reason: IgnoreReason }
  | { kind: 'irrelevant'; action: string }

const text = z.string().nullish().catch(null)
const Envelope = z.object({ events: z.array(z.unknown()) })
const RawEvent = z.object({
  id: text,
  timestamp: text,
  action: text,
  target: z.object({ mediaType: text, digest: text, repository: text, tag: text }).nullish().catch(null),
  actor: z.object({ name: text }).nullish().catch(null),
})

/** The verdicts on a body's events, in order, or null where it is no envelope. */
export function parseEnvelope(body: Uint8Array): Verdict[] | null {
  const envelope = Envelope.safeParse(parseJson(body))
  return envelope.success ? envelope.data.events.map(judgeEvent) : null
}

export function judgeEvent(raw: unknown): Verdict {
  const parsed = RawEvent.safeParse(raw)
  if (!parsed.success) return { kind: 'ignored', event: columns({}, raw), reason: 'not-an-event' }
  const event = columns(parsed.data, raw)
  if (isIrrelevant(event)) return { kind: 'irrelevant', action: event.action }
  const reason = fault(event, parseInstant(parsed.data.timestamp) !== null)
  return reason ? { kind: 'ignored', event, reason } : { kind: 'handled', event }
}

function columns(raw: Partial<z.output<typeof RawEvent>>, whole: unknown): ReceivedEvent {
  const id = cut(raw.id, 200)
  return {
    eventId: id !== null && id === raw.id ? id : `sha256:${hashOf(whole, raw)}`,
    action: cut(raw.action, 64) ?? '',
    repository: cut(raw.target?.repository, 512) ?? '',
    tag: cut(raw.target?.tag, 256),
    digest: cut(raw.target?.digest, 256),
    mediaType: cut(raw.target?.mediaType, 256),
    at: parseInstant(raw.timestamp) ?? 0n,
    actor: cut(raw.actor?.name, 256),
  }
}

/** Of all that was sent; of what we know of it where the rest is nested too deep to be written (by JSON.stringify, which recurs). */
function hashOf(whole: unknown, known: object): string {
  const hash = createHash('sha256')
  try {
    hash.update(JSON.stringify(whole) ?? '')
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    hash.update(JSON.stringify(known))
  }
  return hash.digest('hex')
}

/** Null for an absent or empty text. */
export const cut = (value: string | null | undefined, length: number): string | null =>
  value ? value.replaceAll('\0', '').slice(0, length) || null : null

const manifestTypes = new Set<string>([
  mediaTypes.ociIndex,
  mediaTypes.ociManifest,
  mediaTypes.ociArtifact,
  mediaTypes.dockerIndex,
  mediaTypes.dockerManifest,
  mediaTypes.signedSchema1,
  mediaTypes.schema1,
])

/**
 * Blobs, pulls and mounts: most of what a registry sends. A tag can only be on a manifest, whatever its media type.
 * A blob's delete looks like a manifest's (a digest, no media type) and is taken for one: it hits no tag.
 */
function isIrrelevant({ action, tag, mediaType }: ReceivedEvent): boolean {
  if (action === 'pull' || action === 'mount') return true
  return tag === null && mediaType !== null && !manifestTypes.has(bareMediaType(mediaType))
}

function fault(event: ReceivedEvent, timed: boolean): IgnoreReason | null {
  const { action, repository, tag, digest, mediaType } = event
  if (action !== 'push' && action !== 'delete') return 'unknown-action'
  if (repository === '') return 'no-repository'
  if (!isRepository(repository)) return 'bad-repository'
  if (tag !== null && !isTagName(tag)) return 'bad-tag'
  if (tag !== null && isStagingTag(tag)) return 'staging-tag'
  if (digest !== null && !isDigest(digest)) return 'bad-digest'
  if (action === 'push' && digest === null) return 'no-digest'
  if (action === 'push' && tag === null && mediaType === null) return 'no-media-type'
  if (digest === null && tag === null) return 'repository-delete'
  return timed ? null : 'bad-timestamp'
}
