import { z } from 'zod'
import { judgeEvent } from '../envelope.ts'
import type { WebhookFormat } from './format.ts'
import { jsonBody } from './json-body.ts'
import { lookAt } from './look-event.ts'

const Event = z.looseObject({ action: z.unknown(), target: z.looseObject({}) })

/**
 * The webhooks of Portus' namespaces: the one event of the registry, as Portus got it, as JSON whatever the content type that was
 * chosen. Portus takes events from anybody who reaches it, so that they state no facts: the registry is asked.
 * https://github.com/SUSE/Portus/blob/master/app/models/webhook.rb
 */
export const portus: WebhookFormat = {
  vendor: 'Portus',
  proof: 'token',
  carriers: ['bearer', 'plain', 'basic'],
  read(delivery) {
    const { success, data } = Event.safeParse(jsonBody(delivery))
    if (!success) return null
    const verdict = judgeEvent(data)
    if (verdict.kind !== 'handled') return { verdicts: [verdict] }
    const { eventId: id, repository, tag, digest, mediaType, at, actor } = verdict.event
    return { verdicts: [lookAt(delivery, { id, repository, tag, digest, mediaType, at, actor })] }
  },
}
