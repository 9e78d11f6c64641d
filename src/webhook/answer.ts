import type { ServerResponse } from 'node:http'
import type { Deps } from '../deps.ts'
import { makeInbox } from '../inbox/accept.ts'
import { webhookCounters } from './counters.ts'
import type { Judged } from './judge-body.ts'

/** How long a registry is kept waiting for the database, milliseconds. */
const patience = 5_000

/** How all webhooks of registries are answered; their events share commits. */
export type Answers = {
  answer: (response: ServerResponse, status: number, text: string, headers?: Record<string, string>) => void
  /** 202 once what matters is durable, 503 where it cannot be made so. */
  acknowledge: (response: ServerResponse, judged: Judged) => Promise<void>
}

export function makeAnswers(d: Pick<Deps, 'sql' | 'jobs' | 'log' | 'clock'>): Answers {
  const accept = makeInbox(d)
  const counters = webhookCounters()

  const answer: Answers['answer'] = (response, status, text, headers = {}) => {
    counters.requests.inc({ status: String(status) })
    response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', ...headers }).end(`${text}\n`)
  }

  async function acknowledge(response: ServerResponse, { inbound, counts }: Judged): Promise<void> {
    if (inbound && !(await stored(inbound)))
      return answer(response, 503, 'the database does not answer', { 'retry-after': '1' })
    for (const [kind, count] of Object.entries(counts)) counters.events.inc({ kind }, count)
    answer(response, 202, 'accepted')
  }

  /** False where the database cannot be had. The rows may still be stored later: the registry's next try finds them there. */
  async function stored(inbound: NonNullable<Judged['inbound']>): Promise<boolean> {
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

  return { answer, acknowledge }
}
