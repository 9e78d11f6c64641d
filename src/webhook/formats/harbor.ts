import { z } from 'zod'
import { isDigest } from '../../oci/digest.ts'
import { type Instant, parseInstant } from '../../oci/instant.ts'
import { parseJson } from '../../oci/manifest.ts'
import type { Verdict } from '../envelope.ts'
import { cloudEvents } from './cloud-event.ts'
import type { Delivery, WebhookFormat } from './format.ts'
import { irrelevant, lookAtEach, secondsToInstant } from './look-event.ts'
import { namedImage } from './named-image.ts'

const text = z.string().nullish().catch(null)
const Data = z.object({
  resources: z
    .array(z.object({ digest: text, tag: text }).catch({}))
    .nullish()
    .catch(null),
  repository: z.object({ repo_full_name: text }).nullish().catch(null),
  retention: z
    .object({
      project_name: text,
      deleted_artifact: z
        .array(z.object({ name_tag: text }).catch({}))
        .nullish()
        .catch(null),
    })
    .nullish()
    .catch(null),
})
const Payload = z.object({
  type: z.string(),
  occur_at: z.number().nullish().catch(null),
  operator: text,
  event_data: Data.nullish().catch(null),
})

/** What moves or removes a tag, in both payload formats; a retention may remove many. */
const changes = new Set([
  ...['PUSH_ARTIFACT', 'DELETE_ARTIFACT', 'CREATE_TAG', 'DELETE_TAG'],
  ...['harbor.artifact.pushed', 'harbor.artifact.deleted', 'harbor.tag.created', 'harbor.tag.deleted'],
])
const deletions = new Set(['DELETE_ARTIFACT', 'harbor.artifact.deleted'])
const retentions = new Set(['TAG_RETENTION', 'harbor.tag_retention.finished'])

type Happened = {
  type: string
  id: string | null
  at: Instant | null
  operator: string | null | undefined
  data: unknown
}

/**
 * Harbor, payload formats Default and CloudEvents. Its times are whole seconds, and of an artifact's tags it names one: so it is asked.
 * A resource without a tag has its digest in the tag's place.
 * https://goharbor.io/docs/main/working-with-projects/project-configuration/configure-webhooks/
 */
export const harbor: WebhookFormat = {
  vendor: 'Harbor',
  proof: 'token',
  carriers: ['bearer', 'plain', 'basic'],
  read(delivery) {
    const events = cloudEvents(delivery)
    if (events)
      return {
        verdicts: events.flatMap(({ type, id, time, operator, data }) =>
          judge(delivery, { type, id, at: parseInstant(time), operator, data }),
        ),
      }
    const { success, data } = Payload.safeParse(parseJson(delivery.body))
    if (!success) return null
    const { type, occur_at, operator, event_data } = data
    return { verdicts: judge(delivery, { type, id: null, at: secondsToInstant(occur_at), operator, data: event_data }) }
  },
}

function judge(delivery: Delivery, { type, id, at, operator, data }: Happened): Verdict[] {
  const { repository, resources, retention } = Data.catch({}).parse(data ?? {})
  const common = { id, at, actor: operator, repository: repository?.repo_full_name }
  if (changes.has(type)) {
    const named = (resources ?? []).map(({ tag, digest }) =>
      isDigest(tag) ? { digest: digest ?? tag } : { digest, tag },
    )
    // its other tags went along
    const others = deletions.has(type) ? named.flatMap(({ digest, tag }) => (digest && tag ? [{ digest }] : [])) : []
    return lookAtEach(delivery, common, [...named, ...others])
  }
  if (!retentions.has(type)) return [irrelevant(type)]
  const gone = (retention?.deleted_artifact ?? []).map(({ name_tag }) => goneFrom(retention?.project_name, name_tag))
  return gone.length === 0 ? [irrelevant(type)] : lookAtEach(delivery, common, gone)
}

/**
 * A retention names what it deleted as "alpine:3.8", within the project; of many artifacts one, with one of its tags (Harbor 2.12,
 * src/controller/event/handler/webhook/artifact/retention.go): so it says no more than where.
 */
function goneFrom(project: string | null | undefined, nameTag: string | null | undefined) {
  return { repository: namedImage(`harbor/${project ?? ''}/${nameTag ?? ''}`)?.repository }
}
