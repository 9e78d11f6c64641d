import { createHash } from 'node:crypto'
import { isDigest } from '../../oci/digest.ts'
import { type Instant, instantOf } from '../../oci/instant.ts'
import { isStagingTag } from '../../oci/own-tags.ts'
import { isRepository, isTagName } from '../../oci/reference.ts'
import { cut, type IgnoreReason, type ReceivedEvent, type Verdict } from '../envelope.ts'
import type { Delivery } from './format.ts'

/** What a vendor says of one tag or digest. `id` null: the vendor gives none, and each delivery counts. `part`: which of several in one delivery. */
export type Named = {
  id: string | null
  part?: number
  repository: string | null | undefined
  tag?: string | null | undefined
  digest?: string | null | undefined
  mediaType?: string | null | undefined
  at?: Instant | null
  actor?: string | null | undefined
}

/**
 * An event that makes us ask: for its tag; without one for its digest, and for the tags that are known to be on it. It states no fact.
 * Without either it says that something of the repository changed.
 */
export function lookAt(delivery: Pick<Delivery, 'id' | 'receivedAt'>, named: Named): Verdict {
  const event = columns(delivery, named)
  const reason = fault(event)
  return reason === null ? { kind: 'handled', event } : { kind: 'ignored', event, reason }
}

/** What one delivery says of several; without any, or with too many to be asked for one by one, that something changed. */
export function lookAtEach(
  delivery: Pick<Delivery, 'id' | 'receivedAt'>,
  common: Named,
  parts: readonly Partial<Named>[],
): Verdict[] {
  if (parts.length === 0) return [lookAt(delivery, common)]
  if (parts.length > mostParts) return [ignored(delivery, common, 'too-many-tags')]
  return parts.map((part, i) => lookAt(delivery, { ...common, ...part, part: i }))
}

const mostParts = 1_000

/** The same, kept with another reason and not followed. */
export function ignored(delivery: Pick<Delivery, 'id' | 'receivedAt'>, named: Named, reason: IgnoreReason): Verdict {
  return { kind: 'ignored', event: columns(delivery, named), reason }
}

export const irrelevant = (action: string | null | undefined): Verdict => ({
  kind: 'irrelevant',
  action: cut(action, 64) ?? '',
})

/** Whole or broken seconds since 1970; null where it is no time. */
export const secondsToInstant = (seconds: number | null | undefined): Instant | null =>
  typeof seconds === 'number' && seconds > 0 && seconds < 2 ** 33
    ? BigInt(Math.round(seconds * 1000)) * 1_000_000n
    : null

function columns({ id, receivedAt }: Pick<Delivery, 'id' | 'receivedAt'>, named: Named): ReceivedEvent {
  const own = `${named.id ? idOf(named.id) : id}${named.part ? `#${named.part}` : ''}`
  return {
    eventId: own,
    action: 'look',
    repository: cut(named.repository, 512) ?? '',
    tag: cut(named.tag, 256),
    digest: cut(named.digest, 256),
    mediaType: cut(named.mediaType, 256),
    at: named.at ?? instantOf(receivedAt),
    actor: cut(named.actor, 256),
  }
}

/** One that cannot be stored as it is gives way to its hash, so that no two become one. */
const idOf = (id: string): string =>
  cut(id, 160) === id ? id : `sha256:${createHash('sha256').update(id).digest('hex')}`

function fault({ repository, tag, digest }: ReceivedEvent): IgnoreReason | null {
  if (repository === '') return 'no-repository'
  if (!isRepository(repository)) return 'bad-repository'
  if (tag !== null && !isTagName(tag)) return 'bad-tag'
  if (tag !== null && isStagingTag(tag)) return 'staging-tag'
  if (digest !== null && !isDigest(digest)) return 'bad-digest'
  return tag === null && digest === null ? 'repository-change' : null
}
