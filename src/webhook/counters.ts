import { Counter, register } from 'prom-client'

const eventsName = 'drydock_webhook_events_total'
const requestsName = 'drydock_webhook_requests_total'

/** Counters of the webhook in the process-wide registry; made once, found again by name. */
export function webhookCounters() {
  const events =
    (register.getSingleMetric(eventsName) as Counter<'kind'> | undefined) ??
    new Counter({
      name: eventsName,
      help: 'Registry events received: handled, ignored (stored with a reason) or irrelevant (blobs, pulls, mounts).',
      labelNames: ['kind'],
    })
  const requests =
    (register.getSingleMetric(requestsName) as Counter<'status'> | undefined) ??
    new Counter({ name: requestsName, help: 'Requests to the webhook by answer.', labelNames: ['status'] })
  return { events, requests }
}
