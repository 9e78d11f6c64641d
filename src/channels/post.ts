import { Agent } from 'node:http'
import { Agent as SecureAgent } from 'node:https'
import type { Readable } from 'node:stream'
import axios from 'axios'
import type { Reach } from './reach.ts'

/** What came of a request: an answer, whatever its status, with at most the beginning of its text; or why there was none. */
export type Reply = { status: number; retryAfter: string | null; text: string } | { status: null; because: string }

/** Milliseconds that a receiver has to take the whole of a request and to begin its answer. */
const timeOut = 20_000
/** Bytes of an answer that are read; whoever says more is hung up on. */
const mostOfAnswer = 4096

type Ask = { url: URL; headers: Readonly<Record<string, string>>; body: string; signal?: AbortSignal }

/**
 * One POST, over a connection of its own, to whom `reach` lets it. Redirects are answers, and a proxy of the environment is not used:
 * it would look up the name again. `because` is a code, such as ECONNREFUSED: no part of an address, which is a secret.
 * Throws only where `signal` was aborted, with its reason.
 */
export async function post(reach: Reach, { url, headers, body, signal }: Ask, ms = timeOut): Promise<Reply> {
  if (reach.fault(url) !== null) return { status: null, because: 'channel-forbidden' }
  const lookup = reach.lookup(url)
  const late = AbortSignal.timeout(ms)
  try {
    const {
      status,
      headers: said,
      data,
    } = await axios.request<Readable>({
      ...{ url: url.href, method: 'POST', data: body, adapter: 'http', proxy: false, maxRedirects: 0 },
      ...{ responseType: 'stream', decompress: false, validateStatus: () => true },
      headers: { 'user-agent': 'drydock', accept: '*/*', 'accept-encoding': 'identity', ...headers },
      httpAgent: new Agent({ keepAlive: false, lookup }),
      httpsAgent: new SecureAgent({ keepAlive: false, lookup }),
      signal: signal === undefined ? late : AbortSignal.any([signal, late]),
    })
    const retryAfter = said['retry-after'] === undefined ? null : String(said['retry-after'])
    return { status, retryAfter, text: await beginning(data) }
  } catch (error) {
    signal?.throwIfAborted()
    return { status: null, because: late.aborted ? 'ETIMEDOUT' : reason(error) }
  }
}

/** An answer that breaks off, or goes on for ever, has been an answer all the same. */
async function beginning(body: Readable): Promise<string> {
  const parts: Buffer[] = []
  let bytes = 0
  try {
    for await (const part of body as AsyncIterable<Buffer>) {
      parts.push(part)
      bytes += part.length
      if (bytes >= mostOfAnswer) break
    }
  } catch {
    // its status is known, and that is what counts
  } finally {
    body.destroy()
  }
  return Buffer.concat(parts).subarray(0, mostOfAnswer).toString('utf8')
}

/** The first code on the way to the cause. The error itself goes nowhere: it holds the address, and the headers. */
function reason(error: unknown): string {
  for (let e = error; typeof e === 'object' && e !== null; e = 'cause' in e ? e.cause : null)
    if ('code' in e && typeof e.code === 'string') return e.code
  return 'unknown'
}
