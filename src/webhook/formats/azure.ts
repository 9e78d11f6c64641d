import { z } from 'zod'
import { parseJson } from '../../oci/manifest.ts'
import { judgeEvent, type Verdict } from '../envelope.ts'
import { cloudEvents } from './cloud-event.ts'
import type { Said, WebhookFormat } from './format.ts'
import { irrelevant } from './look-event.ts'

const RegistryEvent = z.looseObject({ action: z.string(), target: z.unknown().optional() })
const GridEvent = z.object({
  id: z.string().nullish().catch(null),
  eventType: z.string(),
  data: z.unknown().optional(),
})
const Validation = z.object({ validationCode: z.string().min(1).max(1000) })

const validation = 'Microsoft.EventGrid.SubscriptionValidationEvent'

/**
 * Azure Container Registry: its own webhooks (one event, the form of Distribution's, with id and a time in nanoseconds: a fact), and Event
 * Grid in its own schema or CloudEvents'. A subscription of Event Grid begins with a question that has to be answered; the address that comes
 * with it is never called. https://learn.microsoft.com/azure/container-registry/container-registry-webhook-reference
 * https://learn.microsoft.com/azure/event-grid/event-schema-container-registry
 * https://learn.microsoft.com/azure/event-grid/end-point-validation-event-grid-events-schema
 */
export const azure: WebhookFormat = {
  vendor: 'Azure Container Registry',
  proof: 'token',
  carriers: ['bearer', 'plain', 'basic', 'url'],
  read(delivery) {
    const events = cloudEvents(delivery)
    if (events) return { verdicts: events.map(({ id, type, data }) => judgeGrid(id, type, data)) }
    const body = parseJson(delivery.body)
    if (Array.isArray(body)) return readGrid(body)
    return RegistryEvent.safeParse(body).success ? { verdicts: [judge(body)] } : null
  },
  /** https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/http-webhook.md#4-abuse-protection */
  preflight(headers): Record<string, string> {
    const origin = /^[\w.:-]{1,255}$/.exec(String(headers['webhook-request-origin'] ?? ''))?.[0]
    return origin ? { 'webhook-allowed-origin': origin, 'webhook-allowed-rate': '*' } : {}
  },
}

function readGrid(body: unknown[]): Said | null {
  const events = body.map((one) => GridEvent.safeParse(one))
  const [first] = events
  if (!first?.success || !events.every((one) => one.success)) return null
  const asked = first.data.eventType === validation ? Validation.safeParse(first.data.data) : null
  if (asked?.success) return { reply: { validationResponse: asked.data.validationCode } }
  return { verdicts: events.map(({ data: { id, eventType, data } }) => judgeGrid(id ?? null, eventType, data)) }
}

const judgeGrid = (id: string | null, type: string, data: unknown): Verdict =>
  /(?:^|\.)Image(?:Pushed|Deleted)$/.test(type) ? judge(data, id) : irrelevant(type)

/**
 * The event of the registry; `id` of what brought it, where it has one. Event Grid has been seen to bring it as text:
 * https://github.com/Azure/azure-sdk-for-js/tree/main/sdk/eventgrid
 */
function judge(data: unknown, id: string | null = null): Verdict {
  const { success, data: event } = RegistryEvent.safeParse(
    typeof data === 'string' ? parseJson(Buffer.from(data)) : data,
  )
  if (!success) return judgeEvent(null)
  if (event.action !== 'push' && event.action !== 'delete') return irrelevant(event.action)
  return judgeEvent(id === null ? event : { ...event, id })
}
