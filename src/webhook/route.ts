/*
 * In: POST /v2/webhooks/events from a registry, ahead of Express: it waits for each answer before it sends the next event.
 * Out: rows in the inbox, and jobs that handle them.
 * Guarantees: 202 only once what matters is durable; nothing but a wrong token, a wrong method or a database that is down is refused.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Deps } from '../deps.ts'
import { makeAnswers } from './answer.ts'
import { authenticate } from './authenticate.ts'
import { formatRoute } from './format-route.ts'
import { judgeBody } from './judge-body.ts'
import { readBody } from './read-body.ts'

export const webhookPath = '/v2/webhooks/events'

/** Bytes of a body that are read; the rest is thrown away. */
const bodyLimit = 16 * 1024 * 1024

/** Answers requests to the webhook's path and, below it, to those of other formats; false where the path is another's. */
export function webhookRoute(
  d: Pick<Deps, 'config' | 'sql' | 'jobs' | 'log' | 'clock'>,
): (request: IncomingMessage, response: ServerResponse) => boolean {
  const answers = makeAnswers(d)
  const { answer, acknowledge } = answers
  const ofFormat = formatRoute(d, answers, { path: `${webhookPath}/`, bodyLimit })

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
    await acknowledge(response, judgeBody(registry, await readBody(request, bodyLimit), d.clock()))
  }

  return (request, response) => {
    const url = URL.parse(request.url ?? '/', 'http://webhook.invalid')
    if (url === null) return false
    if (url.pathname.replace(/\/$/, '') !== webhookPath) return ofFormat(request, response, url)
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
