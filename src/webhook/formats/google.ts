import { z } from 'zod'
import { parseInstant } from '../../oci/instant.ts'
import { parseJson } from '../../oci/manifest.ts'
import type { WebhookFormat } from './format.ts'
import { ignored, irrelevant, lookAt } from './look-event.ts'
import { namedImage } from './named-image.ts'

const text = z.string().nullish().catch(null)
const Push = z.object({
  message: z.object({ data: text, messageId: text, message_id: text, publishTime: text }),
  subscription: text,
})
const Change = z.object({ action: z.string(), digest: text, tag: text })

/**
 * Google Artifact Registry through a push subscription of Pub/Sub. A message has an id, and the time of its publishing, not of the push;
 * messages may come in any order: the registry is asked. One topic tells of all registries of a project.
 * https://cloud.google.com/artifact-registry/docs/configure-notifications https://cloud.google.com/pubsub/docs/push
 */
export const google: WebhookFormat = {
  vendor: 'Google Artifact Registry',
  proof: 'google-identity',
  carriers: [],
  read(delivery) {
    const pushed = Push.safeParse(parseJson(delivery.body))
    if (!pushed.success) return null
    const { message, subscription } = pushed.data
    const { success, data: change } = Change.safeParse(parseJson(Buffer.from(message.data ?? '', 'base64')))
    if (!success) return null
    if (change.action !== 'INSERT' && change.action !== 'DELETE') return { verdicts: [irrelevant(change.action)] }
    const tagged = namedImage(change.tag)
    const digested = namedImage(change.digest)
    const image = tagged ?? digested
    const id = message.messageId ?? message.message_id
    const named = {
      // unique within a topic, and several may tell of one registry
      id: id ? `${id}@${subscription ?? ''}` : null,
      repository: image?.repository,
      tag: tagged?.tag,
      digest: digested?.digest,
      at: parseInstant(message.publishTime),
    }
    return {
      verdicts: [
        image && !delivery.isHost(image.host) ? ignored(delivery, named, 'other-registry') : lookAt(delivery, named),
      ],
    }
  },
}
