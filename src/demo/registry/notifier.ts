import { request } from 'node:http'
import { request as secureRequest } from 'node:https'
import type { RegistryEvent } from './event.ts'

/** Where events go. `token` is sent as `Authorization: Bearer …`. */
export type Endpoint = { url: string; token?: string | undefined }

export type Notifier = { send: (event: RegistryEvent) => void; close: () => Promise<void> }

const contentType = 'application/vnd.docker.distribution.events.v1+json'

/** Milliseconds an endpoint has to answer, and between two tries. */
const patience = 10_000
const pause = 500

/**
 * Sends events to one endpoint as Distribution does: one a POST, in order, the same one again until it is answered with 2xx,
 * kept in memory meanwhile. Closing drops what was not delivered.
 * https://distribution.github.io/distribution/about/notifications/#queue
 */
export function startNotifier(endpoint: Endpoint): Notifier {
  const queue: RegistryEvent[] = []
  const ending = new AbortController()
  let running: Promise<void> | null = null

  async function drain(): Promise<void> {
    for (let event = queue[0]; event && !ending.signal.aborted; event = queue[0]) {
      if (await deliver(endpoint, event, ending.signal)) queue.shift()
      else await rest(pause, ending.signal)
    }
    running = null
  }

  return {
    send(event) {
      if (ending.signal.aborted) return
      queue.push(event)
      running ??= drain()
    },
    async close() {
      ending.abort()
      await running
    },
  }
}

/** True where the endpoint answered 2xx. Every other answer, and none, is the same to a registry: try again. */
function deliver({ url, token }: Endpoint, event: RegistryEvent, signal: AbortSignal): Promise<boolean> {
  const body = Buffer.from(JSON.stringify({ events: [event] }))
  const headers = {
    'content-type': contentType,
    'content-length': body.length,
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
  }
  return new Promise((resolve) => {
    const ask = url.startsWith('https:') ? secureRequest : request
    const sent = ask(url, { method: 'POST', headers, signal, timeout: patience })
    sent.on('timeout', () => sent.destroy())
    sent.on('close', () => resolve(false))
    sent.on('error', () => resolve(false))
    sent.on('response', (answer) => {
      answer.resume()
      answer.on('end', () => resolve(answer.statusCode! >= 200 && answer.statusCode! < 300))
    })
    sent.end(body)
  })
}

/** Waits, or until the notifier is closed. */
function rest(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(end, milliseconds)
    function end(): void {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
    signal.addEventListener('abort', end)
    if (signal.aborted) end()
  })
}
