/*
 * In: POST /v2/webhooks/events from a registry, ahead of Express: it waits for each answer before it sends the next event.
 * Out: rows in the inbox, and jobs that handle them.
 * Guarantees: 202 only once what matters is durable; nothing but a wrong token, a wrong method or a database that is down is refused.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Deps } from '../deps.ts'
import { type Inbound, makeInbox } from '../inbox/accept.ts'
import { authenticate } from './authenticate.ts'
import { webhookCounters } from './counters.ts'
import { judgeBody } from './judge-body.ts'
import { readBody } from './read-body.ts'

const webhookPath = '/v2/webhooks/events'

/** Bytes of a body that are read; the rest is thrown away. */
const bodyLimit = 16 * 1024 * 1024

/** How long a registry is kept waiting for the database, milliseconds. */
const patience = 5_000

/** Answers requests to the webhook's path; false where the path is another's. */
export function webhookRoute(
  d: Pick<Deps, 'config' | 'sql' | 'jobs' | 'log' | 'clock'>,
): (request: IncomingMessage, response: ServerResponse) => boolean {
  const accept = makeInbox(d)
  const counters = webhookCounters()

  const answer = (response: ServerResponse, status: number, text: string, headers: Record<string, string> = {}) => {
    counters.requests.inc({ status: String(status) })
    response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', ...headers }).end(`${text}\n`)
  }

  async function receive(request: IncomingMessage, response: ServerResponse, query: URLSearchParams): Promise<void> {
    if (d.config.registries.length === 0)
      return answer(response, 503, 'no registry is configured', { 'retry-after': '60', connection: 'close' })
    const registry = authenticate(d.config, request.headers.authorization, query.get('registry'))
    if (registry === null)
      return answer(
        response,
        401,
        'a webhook token of a configured registry is wanted (with several: its own, or ?registry=NAME)',
        {
          'www-authenticate': 'Bearer realm="drydock webhook"',
          connection: 'close',
        },
      )
    const { inbound, counts } = judgeBody(registry, await readBody(request, bodyLimit), d.clock())
    if (inbound && !(await stored(inbound)))
      return answer(response, 503, 'the database does not answer', { 'retry-after': '1' })
    for (const [kind, count] of Object.entries(counts)) counters.events.inc({ kind }, count)
    answer(response, 202, 'accepted')
  }

  /** False where the database cannot be had. The rows may still be stored later: the registry's next try finds them there. */
  async function stored(inbound: Inbound): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<false>((resolve) => {
      timer = setTimeout(resolve, patience, false)
    })
    const done = accept(inbound).then(
      () => true,
      (error: unknown) => {
        d.log.warn({ err: error, registry: inbound.registry }, 'webhook: events could not be stored')
        return false
      },
    )
    try {
      return await Promise.race([done, late])
    } finally {
      clearTimeout(timer)
    }
  }

  return (request, response) => {
    const url = new URL(request.url ?? '/', 'http://webhook.invalid')
    if (url.pathname !== webhookPath) return false
    if (request.method !== 'POST') {
      answer(response, 405, 'POST only', { allow: 'POST', connection: 'close' })
      return true
    }
    receive(request, response, url.searchParams).catch((error: unknown) => {
      d.log.warn({ err: error }, 'webhook: the request broke off')
      if (!response.headersSent) answer(response, 503, 'try again', { 'retry-after': '1', connection: 'close' })
    })
    return true
  }
}
