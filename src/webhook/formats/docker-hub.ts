import { z } from 'zod'
import { parseJson } from '../../oci/manifest.ts'
import type { WebhookFormat } from './format.ts'
import { lookAt, secondsToInstant } from './look-event.ts'

const text = z.string().nullish().catch(null)
const Push = z.object({
  push_data: z.object({ tag: text, pusher: text, pushed_at: z.number().nullish().catch(null) }),
  repository: z.object({ repo_name: text, name: text, namespace: text }),
})

/**
 * Docker Hub. No digest, no id, a time in whole seconds: it is asked. It sends no header; a proxy may add one. `callback_url` is an address that the sender chooses; it is a legacy
 * field without a use, and never called. https://docs.docker.com/docker-hub/repos/manage/webhooks/
 */
export const dockerHub: WebhookFormat = {
  vendor: 'Docker Hub',
  proof: 'token',
  carriers: ['bearer', 'url'],
  read(delivery) {
    const { success, data } = Push.safeParse(parseJson(delivery.body))
    if (!success) return null
    const { push_data: push, repository } = data
    const name = repository.repo_name || `${repository.namespace ?? ''}/${repository.name ?? ''}`
    return {
      verdicts: [
        lookAt(delivery, {
          id: null,
          repository: name.includes('/') ? name : `library/${name}`,
          tag: push.tag,
          at: secondsToInstant(push.pushed_at),
          actor: push.pusher,
        }),
      ],
    }
  },
}
