import { z } from 'zod'
import { isDigest } from '../../oci/digest.ts'
import { judgeEvent, type Verdict } from '../envelope.ts'
import { type CloudEvent, cloudEvents } from './cloud-event.ts'
import type { WebhookFormat } from './format.ts'
import { irrelevant } from './look-event.ts'

const text = z.string().nullish().catch(null)
const Data = z.object({
  name: text,
  reference: text,
  digest: text,
  mediaType: text,
  actor: z.object({ name: text }).nullish().catch(null),
})

/**
 * zot's events extension, sink `http`: CloudEvents with an id of their own, the digest, and a time in nanoseconds that is taken where
 * the change is made: facts, as Distribution's are. What stands before `.image.updated` can be configured.
 * https://zotregistry.dev/latest/articles/events/
 */
export const zot: WebhookFormat = {
  vendor: 'zot',
  proof: 'token',
  carriers: ['bearer', 'plain', 'basic'],
  read(delivery) {
    const events = cloudEvents(delivery)
    return events && { verdicts: events.map(judge) }
  },
}

function judge({ id, type, time, data }: CloudEvent): Verdict {
  const action = /(?:^|\.)image\.(updated|deleted)$/.exec(type)?.[1]
  if (!action) return irrelevant(type)
  const { success, data: image } = Data.safeParse(data)
  if (!success) return judgeEvent(null)
  const { name: repository, reference, digest, mediaType, actor } = image
  const tag = isDigest(reference) ? null : reference
  return judgeEvent({
    ...{ id, timestamp: time, action: action === 'updated' ? 'push' : 'delete', actor },
    // of a tag that is deleted its digest stays
    target: { repository, tag, digest: tag && action === 'deleted' ? null : digest || reference, mediaType },
  })
}
