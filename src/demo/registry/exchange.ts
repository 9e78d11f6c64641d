import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Target } from './event.ts'
import { SpecError } from './spec-error.ts'
import type { Store } from './store.ts'

/** One request with everything a route needs to answer it. */
export type Exchange = {
  request: IncomingMessage
  response: ServerResponse
  method: string
  query: URLSearchParams
  /** name of the repository; '' where the route has none */
  repository: string
  /** what the path names: a tag or digest, an upload's id */
  reference: string
  store: Store
  /** has the referrers API */
  referrers: boolean
  announce: (action: 'push' | 'delete', target: Target) => void
}

export type Route = (exchange: Exchange) => Promise<void> | void

type Headers = Record<string, string | number>

/** Answers with bytes; a HEAD gets their headers alone. */
export function answer(exchange: Exchange, status: number, headers: Headers, body: string | Buffer = ''): void {
  const bytes = Buffer.from(body)
  exchange.response.writeHead(status, { 'content-length': bytes.length, ...headers })
  exchange.response.end(exchange.method === 'HEAD' ? undefined : bytes)
}

/** Reads a body that may not be larger than `limit` bytes (the error is the caller's). */
export async function readBody(request: IncomingMessage, limit: number, tooLarge: () => SpecError): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > limit) throw tooLarge()
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** A page of sorted names, after `last`, with the `Link` to the next one. */
export function answerPage(
  exchange: Exchange,
  path: string,
  names: readonly string[],
  wrap: (page: string[]) => object,
) {
  const { query } = exchange
  const n = query.has('n') ? Number(query.get('n')) : names.length
  if (!Number.isSafeInteger(n) || n < 0) throw new SpecError('PAGINATION_NUMBER_INVALID', 'invalid number of results')
  const last = query.get('last') ?? ''
  const after = names.filter((name) => name > last).sort((a, b) => (a < b ? -1 : 1))
  const page = after.slice(0, n)
  const more = page.length > 0 && page.length < after.length
  const next = new URLSearchParams({ n: String(n), last: page.at(-1) ?? '' })
  const headers = { 'content-type': 'application/json', ...(more ? { link: `<${path}?${next}>; rel="next"` } : {}) }
  answer(exchange, 200, headers, JSON.stringify(wrap(page)))
}
