import { Agent } from 'node:http'
import { Agent as SecureAgent } from 'node:https'
import type { LookupFunction } from 'node:net'
import { Readable } from 'node:stream'
import axios, { AxiosError, type AxiosInstance } from 'axios'
import { RegistryError } from './registry-error.ts'

/** One HTTP request. `maxBytes`: the largest body taken as an answer. `url` is where it goes, whoever's it is. */
export type Ask = {
  method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE'
  url: URL
  headers: Readonly<Record<string, string>>
  body?: Uint8Array | undefined
  maxBytes: number
}

/** Its answer, whatever the status. `headers` in lower case; `bytes` of an error's body are cut at 64 KiB. */
export type Answer = { status: number; headers: Readonly<Record<string, string>>; bytes: Buffer; url: URL }

/** Milliseconds: without a byte in either direction, and for the whole, transfer at `slowest` bytes a second besides. */
export type TimeOuts = { idle: number; total: number }

/** `verify` false takes any certificate; `ca` are all that vouch for one, PEM, null for the usual ones. */
export type Trust = { verify: boolean; ca: readonly string[] | null }

export type Exchange = { send: (ask: Ask, signal?: AbortSignal) => Promise<Answer>; close: () => void }

const slowest = 64 * 1024
const errorBytes = 64 * 1024
const chunkBytes = 64 * 1024

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
  const watch = startWatch(timeOuts, (ask.body?.length ?? 0) + ask.maxBytes, signal)
  try {
    const headers: Record<string, string> = { 'user-agent': 'drydock', 'accept-encoding': 'identity', ...ask.headers }
    if (method === 'POST' || method === 'PUT') headers['content-length'] = String(ask.body?.length ?? 0)
    const data = ask.body && Readable.from(chunks(ask.body, watch.touch), { objectMode: false })
    const response = await http.request<Readable>({ url: url.href, method, headers, data, signal: watch.signal })
    watch.touch()
    const told = Object.fromEntries(Object.entries(response.headers).map(([name, value]) => [name, String(value)]))
    const answer = { status: response.status, headers: told, url }
    if (response.status >= 300) return { ...answer, bytes: await readUpTo(response.data, errorBytes, watch.touch) }
    const announced = method === 'HEAD' ? 0 : Number(told['content-length'] ?? 0)
    return { ...answer, bytes: await readWhole(response.data, announced, ask, watch.touch) }
  } catch (error) {
    signal?.throwIfAborted()
    if (watch.signal.aborted) throw new RegistryError('timeout', `${method} ${place(url)}: ${watch.signal.reason}`)
    if (error instanceof RegistryError) throw error
    throw new RegistryError('unreachable', `${method} ${place(url)}: ${messageOf(error)}`, {
      cause: withoutRequest(error),
    })
  } finally {
    watch.stop()
  }
}

/** An address as it may be logged: what follows `?` can be a signature that lets anybody in. */
export const place = (url: URL): string => `${url.origin}${url.pathname}`

function* chunks(bytes: Uint8Array, touch: () => void): Generator<Buffer> {
  const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let at = 0; at < whole.length; at += chunkBytes) {
    touch()
    yield whole.subarray(at, at + chunkBytes)
  }
}

async function readWhole(body: Readable, announced: number, ask: Ask, touch: () => void): Promise<Buffer> {
  const tooLarge = () => {
    body.destroy()
    return new RegistryError('too-large', `${ask.method} ${place(ask.url)}: more than ${ask.maxBytes} bytes`)
  }
  if (announced > ask.maxBytes) throw tooLarge()
  const parts: Buffer[] = []
  let size = 0
  for await (const part of body as AsyncIterable<Buffer>) {
    touch()
    size += part.length
    if (size > ask.maxBytes) throw tooLarge()
    parts.push(part)
  }
  return Buffer.concat(parts)
}

/** The beginning of a body; what is more is not fetched. */
async function readUpTo(body: Readable, limit: number, touch: () => void): Promise<Buffer> {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of body as AsyncIterable<Buffer>) {
    touch()
    parts.push(part)
    size += part.length
    if (size >= limit) break
  }
  return Buffer.concat(parts).subarray(0, limit)
}

/** Aborts its signal when a time is over, or when the caller's is. */
function startWatch({ idle, total }: TimeOuts, bytes: number, caller: AbortSignal | undefined) {
  const ending = new AbortController()
  const whole = Math.min(total + Math.ceil(bytes / slowest) * 1000, 2 ** 31 - 1)
  const still = setTimeout(() => ending.abort(`nothing came for ${idle} ms`), idle)
  const end = setTimeout(() => ending.abort(`not done after ${whole} ms`), whole)
  const stopped = () => ending.abort('stopped')
  caller?.addEventListener('abort', stopped)
  return {
    signal: ending.signal,
    touch: () => void still.refresh(),
    stop() {
      clearTimeout(still)
      clearTimeout(end)
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
