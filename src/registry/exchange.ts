import { Agent } from 'node:http'
import { Agent as SecureAgent } from 'node:https'
import type { LookupFunction } from 'node:net'
import type { Readable } from 'node:stream'
import axios, { AxiosError, type AxiosInstance, type AxiosResponse } from 'axios'
import { RegistryError } from './registry-error.ts'
import { type ByteSource, readUpTo, readWhole, sending, sizeOf, tooLarge } from './transfer.ts'

/**
 * One HTTP request. `maxBytes`: the largest body taken as an answer. `url` is where it goes, whoever's it is. `streamed`: the body of an
 * answer below 300 comes as a `stream`, to be read to its end or given up, and `maxBytes` bounds only its time.
 */
export type Ask = {
  method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE'
  url: URL
  headers: Readonly<Record<string, string>>
  body?: Uint8Array | ByteSource | undefined
  maxBytes: number
  streamed?: boolean | undefined
}

/** Its answer, whatever the status. `headers` in lower case; `bytes` of an error's body are cut at 64 KiB. */
export type Answer = {
  status: number
  headers: Readonly<Record<string, string>>
  bytes: Buffer
  url: URL
  stream?: AsyncIterable<Buffer>
}

/** Milliseconds: without a byte in either direction, and for the whole, transfer at `slowest` bytes a second besides. */
export type TimeOuts = { idle: number; total: number }

/** `verify` false takes any certificate; `ca` are all that vouch for one, PEM, null for the usual ones. */
export type Trust = { verify: boolean; ca: readonly string[] | null }

export type Exchange = { send: (ask: Ask, signal?: AbortSignal) => Promise<Answer>; close: () => void }

const slowest = 64 * 1024
const errorBytes = 64 * 1024

/**
 * Makes HTTP requests, one answer each, on connections that are kept. Redirects are answers. Errors: `timeout`, `unreachable`,
 * `too-large`; the signal's reason where it was aborted. `lookup`: in place of the system's, for the addresses of names.
 */
export function makeExchange(timeOuts: TimeOuts, { verify, ca }: Trust, lookup?: LookupFunction): Exchange {
  const kept = { keepAlive: true, ...(lookup ? { lookup } : {}) }
  const agents = [
    new Agent(kept),
    new SecureAgent({ ...kept, rejectUnauthorized: verify, ...(ca === null ? {} : { ca: [...ca] }) }),
  ] as const
  const http = axios.create({
    adapter: 'http',
    httpAgent: agents[0],
    httpsAgent: agents[1],
    proxy: false,
    maxRedirects: 0,
    responseType: 'stream',
    validateStatus: () => true,
  })
  let closed = false
  return {
    async send(ask, signal) {
      if (closed) throw new RegistryError('unreachable', `${place(ask.url)}: the client is closed`)
      return sendOne(http, timeOuts, ask, signal)
    },
    close() {
      closed = true
      for (const agent of agents) agent.destroy()
    },
  }
}

async function sendOne(
  http: AxiosInstance,
  timeOuts: TimeOuts,
  ask: Ask,
  signal: AbortSignal | undefined,
): Promise<Answer> {
  signal?.throwIfAborted()
  const { method, url } = ask
  const watch = startWatch(timeOuts, sizeOf(ask.body) + ask.maxBytes, signal)
  const sent = ask.body && sending(ask.body, watch.touch)
  let response: AxiosResponse<Readable> | null = null
  let streams = false
  const inWords = (error: unknown): unknown => {
    signal?.throwIfAborted()
    const own = sent?.failure()
    if (own) return own.error
    if (watch.signal.aborted) return new RegistryError('timeout', `${method} ${place(url)}: ${watch.signal.reason}`)
    if (error instanceof RegistryError) return error
    const message = `${method} ${place(url)}: ${messageOf(error)}`
    return new RegistryError('unreachable', message, { cause: withoutRequest(error) })
  }
  try {
    const headers: Record<string, string> = { 'user-agent': 'drydock', 'accept-encoding': 'identity', ...ask.headers }
    if (method === 'POST' || method === 'PUT') headers['content-length'] = String(sizeOf(ask.body))
    response = await http.request<Readable>({
      url: url.href,
      method,
      headers,
      data: sent?.stream,
      signal: watch.signal,
    })
    watch.touch()
    const told = Object.fromEntries(Object.entries(response.headers).map(([name, value]) => [name, String(value)]))
    const answer = { status: response.status, headers: told, url }
    if (response.status >= 300) return { ...answer, bytes: await readUpTo(response.data, errorBytes, watch.touch) }
    if (ask.streamed) {
      streams = true
      return { ...answer, bytes: Buffer.alloc(0), stream: streamOf(response.data, watch, inWords) }
    }
    const what = `${method} ${place(url)}`
    if (method !== 'HEAD' && Number(told['content-length'] ?? 0) > ask.maxBytes) {
      response.data.destroy()
      throw tooLarge(ask.maxBytes, what)
    }
    return { ...answer, bytes: await readWhole(response.data, ask.maxBytes, what, watch.touch) }
  } catch (error) {
    throw inWords(error)
  } finally {
    if (!streams) watch.stop()
    if (sent) endSending(sent.stream, response)
  }
}

/** A body in pieces. Whoever takes its time over a piece is not waited for by the clock of what does not come. */
async function* streamOf(body: Readable, watch: Watch, inWords: (error: unknown) => unknown): AsyncGenerator<Buffer> {
  try {
    for await (const part of body as AsyncIterable<Buffer>) {
      watch.rest()
      yield part
      watch.touch()
    }
  } catch (error) {
    throw inWords(error)
  } finally {
    watch.stop()
    body.destroy()
  }
}

/** Where an answer came before all was sent, the rest is for nobody, and its connection good for nothing more. */
function endSending(stream: Readable, response: AxiosResponse<Readable> | null): void {
  if (response !== null && !stream.readableEnded) (response.request as { destroy: () => void }).destroy()
  stream.destroy()
}

/** An address as it may be logged: what follows `?` can be a signature that lets anybody in. */
export const place = (url: URL): string => `${url.origin}${url.pathname}`

/** Aborts its signal when a time is over, or when the caller's is; between `rest` and `touch` nothing is expected to come. */
type Watch = { signal: AbortSignal; touch: () => void; rest: () => void; stop: () => void }

function startWatch({ idle, total }: TimeOuts, bytes: number, caller: AbortSignal | undefined): Watch {
  const ending = new AbortController()
  const whole = Math.min(total + Math.ceil(bytes / slowest) * 1000, 2 ** 31 - 1)
  let resting = false
  const still = setTimeout(() => (resting ? void still.refresh() : ending.abort(`nothing came for ${idle} ms`)), idle)
  const end = setTimeout(() => ending.abort(`not done after ${whole} ms`), whole)
  const clear = () => {
    clearTimeout(still)
    clearTimeout(end)
  }
  const stopped = () => {
    clear()
    ending.abort('stopped')
  }
  caller?.addEventListener('abort', stopped)
  return {
    signal: ending.signal,
    touch() {
      resting = false
      still.refresh()
    },
    rest() {
      resting = true
    },
    stop() {
      clear()
      caller?.removeEventListener('abort', stopped)
    },
  }
}

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message || ('code' in error ? String(error.code) : error.name) : String(error)

/** axios' error holds the request with its Authorization header; what lies under it does not. */
function withoutRequest(error: unknown): unknown {
  if (!(error instanceof AxiosError)) return error
  return error.cause ?? Object.assign(new Error(error.message), { code: error.code })
}
