import type { Inbound } from '../inbox/accept.ts'
import { instantOf } from '../oci/instant.ts'
import { isStagingTag } from '../oci/own-tags.ts'
import { isRepository, isTagName, tagRef } from '../oci/reference.ts'
import { type IgnoreReason, parseEnvelope, type ReceivedEvent, type Verdict } from './envelope.ts'
import type { Body } from './read-body.ts'

/** What a body asks of the inbox (null: nothing in it matters), and how many events of each kind it held. */
export type Judged = { inbound: Inbound | null; counts: Partial<Record<Verdict['kind'], number>> }

/** Events of one delivery that are kept one by one: so many are durable well within the time that a registry waits. */
const mostEvents = 2_000

/** Tags and digests of one delivery that are asked for one by one; to compare the registry costs less than more of them. */
const mostLooks = 1_000

type Delivered = { body: Body; receivedAt: Date }

export function judgeBody(registry: string, body: Body, receivedAt: Date): Judged {
  const verdicts = body.bytes && parseEnvelope(body.bytes)
  return verdicts
    ? judgeVerdicts(registry, verdicts, { body, receivedAt })
    : asWhole(registry, { body, receivedAt }, 'not-an-envelope')
}

/** A body that was too large, in which nothing could be read, or too much (`reason`): recorded, and the registry is compared. */
export function asWhole(
  registry: string,
  { body, receivedAt }: Delivered,
  reason: 'not-an-envelope' | 'not-of-this-format' | 'too-many-events' | 'too-many-tags',
): Judged {
  const row = { ...note(body), at: instantOf(receivedAt), reason: body.bytes ? reason : 'too-large' }
  return { inbound: { registry, rows: [row], reconcile: true, looks: [] }, counts: { ignored: 1 } }
}

export function judgeVerdicts(registry: string, verdicts: readonly Verdict[], delivered: Delivered): Judged {
  const counts: Judged['counts'] = {}
  for (const { kind } of verdicts) counts[kind] = (counts[kind] ?? 0) + 1
  const rows = verdicts.flatMap((v) =>
    v.kind === 'irrelevant' ? [] : [{ ...v.event, reason: v.kind === 'ignored' ? v.reason : null }],
  )
  const ignored = verdicts.filter((v) => v.kind === 'ignored')
  const reconcile = ignored.some((v) => ofRepository.has(v.reason))
  const looks = ignored.flatMap((v) => (v.reason === 'other-registry' ? [] : lookable(registry, v.event)))
  const asking = rows.filter(({ action, reason }) => action === 'look' && reason === null)
  if (asking.length + looks.length > mostLooks) return asWhole(registry, delivered, 'too-many-tags')
  if (rows.length > mostEvents) return asWhole(registry, delivered, 'too-many-events')
  return { inbound: rows.length === 0 ? null : { registry, rows, reconcile, looks }, counts }
}

/** Something of a repository changed, and it was not said what. */
const ofRepository: ReadonlySet<IgnoreReason> = new Set(['repository-delete', 'repository-change', 'too-many-tags'])

/** A body as a row of its own: its hash is its id, so that a registry that insists is recorded once. */
const note = ({ sha256 }: Body): ReceivedEvent => ({
  eventId: `body:${sha256}`,
  action: '',
  repository: '',
  tag: null,
  digest: null,
  mediaType: null,
  at: 0n,
  actor: null,
})

/** An event we cannot use may still tell where something happened: the registry itself is asked. Staging tags are of no interest. */
const lookable = (registry: string, { repository, tag }: ReceivedEvent): string[] =>
  tag !== null && isTagName(tag) && !isStagingTag(tag) && isRepository(repository)
    ? [tagRef(registry, repository, tag)]
    : []
