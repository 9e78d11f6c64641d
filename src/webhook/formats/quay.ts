import { z } from 'zod'
import { parseJson } from '../../oci/manifest.ts'
import type { WebhookFormat } from './format.ts'
import { ignored, irrelevant, lookAtEach } from './look-event.ts'
import { namedImage } from './named-image.ts'

const text = z.string().nullish().catch(null)
const Push = z.object({
  repository: text,
  namespace: text,
  name: text,
  docker_url: z.string(),
  // a list; of old Quays a map from tags to image ids
  updated_tags: z
    .union([z.array(z.string()), z.record(z.string(), z.unknown()).transform(Object.keys)])
    .nullish()
    .catch(null),
})

/**
 * Quay's notifications of kind "Push to Repository" (`repo_push`). They hold neither a digest, nor a time, nor an id, so that two pushes of
 * a tag have the same body: each delivery counts, and the registry is asked. It sends no header; a proxy may add one. Other kinds of notification are of no interest.
 * https://docs.redhat.com/en/documentation/red_hat_quay/3/html/use_red_hat_quay/repository-notifications
 */
export const quay: WebhookFormat = {
  vendor: 'Quay',
  proof: 'token',
  carriers: ['bearer', 'url'],
  read(delivery) {
    const { success, data } = Push.safeParse(parseJson(delivery.body))
    if (!success) return null
    const { namespace, name, docker_url: address, updated_tags: tags } = data
    if (!tags) return { verdicts: [irrelevant('notification')] }
    const repository =
      data.repository || (namespace && name ? `${namespace}/${name}` : namedImage(address)?.repository) || null
    const named = { id: null, repository }
    if (repository === null) return { verdicts: [ignored(delivery, named, 'repository-change')] }
    return {
      verdicts: lookAtEach(
        delivery,
        named,
        tags.map((tag) => ({ tag })),
      ),
    }
  },
}
