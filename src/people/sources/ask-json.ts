import { readFileSync } from 'node:fs'
import { getCACertificates } from 'node:tls'
import type { HttpPlace } from '../../people-settings.ts'
import { makeExchange, place as shown } from '../../registry/exchange.ts'
import { RegistryError } from '../../registry/registry-error.ts'
import { type Limits, SourceError, type SourceErrorCode } from './source.ts'

/** An answer with a JSON body. */
export type JsonAnswer = { body: unknown; headers: Readonly<Record<string, string>> }

/** Asks one place for JSON, as one account. Redirects are not followed: the account is for this place alone. */
export type Asker = {
  get: (path: string, query: Readonly<Record<string, string>>, signal: AbortSignal) => Promise<JsonAnswer>
  /** The body in pieces, which may be larger than fits in memory: `maxBytes` of the limits bounds only its time. To be read to its end, or given up. */
  stream: (
    path: string,
    query: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ) => Promise<{ parts: AsyncIterable<Buffer>; headers: Readonly<Record<string, string>> }>
  /** Without a body; whatever is answered besides a status of success is not looked at. */
  post: (path: string, signal: AbortSignal) => Promise<void>
  close: () => void
}

const codes: Partial<Record<RegistryError['code'], SourceErrorCode>> = { timeout: 'timeout', 'too-large': 'too-large' }

/** `headers`: with the account. Errors are SourceErrors; the signal's own reason where it was aborted. */
export function makeAsker(
  at: HttpPlace,
  headers: Readonly<Record<string, string>>,
  limits: Omit<Limits, 'connectMs'>,
): Asker {
  const ca = at.caFile === null ? null : [...getCACertificates('default'), readCertificates(at.caFile)]
  const exchange = makeExchange({ idle: limits.idleMs, total: limits.totalMs }, { verify: !at.insecure, ca })
  const inWords = (error: unknown): unknown =>
    error instanceof RegistryError ? new SourceError(codes[error.code] ?? 'unreachable', error.message, error) : error
  const send = async (method: 'GET' | 'POST', url: URL, signal: AbortSignal, streamed = false) => {
    const ask = {
      method,
      url,
      headers: { accept: 'application/json', ...headers },
      maxBytes: limits.maxBytes,
      streamed,
    }
    const answer = await exchange.send(ask, signal).catch((error: unknown) => {
      throw inWords(error)
    })
    checkStatus(answer.status, shown(url), method === 'GET' ? [200] : [200, 201, 202, 204])
    return answer
  }
  async function* inPieces(stream: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    try {
      yield* stream
    } catch (error) {
      throw inWords(error)
    }
  }
  const urlOf = (path: string, query: Readonly<Record<string, string>>): URL => {
    const url = new URL(`${at.url}${path}`)
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value)
    return url
  }
  return {
    post: async (path, signal) => void (await send('POST', new URL(`${at.url}${path}`), signal)),
    async get(path, query, signal) {
      const url = urlOf(path, query)
      const answer = await send('GET', url, signal)
      const type = answer.headers['content-type'] ?? 'no type'
      return { body: parsed(answer.bytes, shown(url), type), headers: answer.headers }
    },
    async stream(path, query, signal) {
      const { stream, headers } = await send('GET', urlOf(path, query), signal, true)
      return { parts: inPieces(stream!), headers }
    },
    close: exchange.close,
  }
}

function checkStatus(status: number, where: string, wanted: readonly number[]): void {
  if (wanted.includes(status)) return
  if (status === 401) throw new SourceError('unauthorized', `${where}: the account is not accepted (401)`)
  if (status === 403) throw new SourceError('forbidden', `${where}: the account may not read this (403)`)
  if (status >= 500 || status === 429) throw new SourceError('source-failed', `${where}: answers ${status}`)
  throw new SourceError('nonsense', `${where}: answers ${status} where ${wanted[0]} is expected`)
}

function parsed(bytes: Buffer, where: string, type: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (error) {
    throw new SourceError('nonsense', `${where}: answers no JSON (${type.slice(0, 100)}, ${bytes.length} bytes)`, error)
  }
}

function readCertificates(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new SourceError('unreadable', `${file} cannot be read`, error)
  }
}
