import { readFileSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import axios, { type AxiosResponse } from 'axios'
import type { Command } from 'commander'
import { endingAfter } from '../build/service/server-sent-events.ts'
import type { Context } from './context.ts'
import { eventsIn, type ServerEvent } from './server-events.ts'

/** Why a call did not go through, in words for a terminal. */
export class ClientError extends Error {
  override name = 'ClientError'
  readonly code: string
  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

export type Client = {
  json<T>(method: string, path: string, body?: unknown): Promise<T>
  /** a mail, as its bytes are */
  mail<T>(path: string, mail: Buffer): Promise<T>
  /** every item of a list, page after page */
  all<T>(path: string): AsyncGenerator<T>
  stream(path: string): AsyncGenerator<string>
  /** server-sent events, from the one after `lastId` on (HTML standard, 9.2) */
  events(path: string, lastId: string | null): AsyncGenerator<ServerEvent>
}

/**
 * A client of the service at DRYDOCK_URL, with DRYDOCK_TOKEN. It waits as long as the service does: a reconcile or a silent build
 * may take an hour, which fetch would not wait for.
 */
export function client(env: NodeJS.ProcessEnv): Client {
  const base = (env.DRYDOCK_URL || 'http://127.0.0.1:8080').replace(/\/+$/, '')
  const token = tokenOf(env)
  async function call(
    method: string,
    path: string,
    body?: string | Buffer,
    headers: Record<string, string> = {},
  ): Promise<Readable> {
    if (!/^https?:\/\//.test(base)) throw new ClientError('bad-url', `DRYDOCK_URL is no http address: ${base}`)
    const response: AxiosResponse<Readable> = await axios
      .request<Readable>({
        ...{ url: `${base}/api/v1${path}`, method, responseType: 'stream', proxy: false, validateStatus: null },
        headers: {
          authorization: `Bearer ${token}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { data: body }),
      })
      .catch((error: Error) => {
        const why = error.message || ('code' in error ? String(error.code) : 'no answer')
        throw new ClientError('unreachable', `no service answers at ${base} (${why}); is DRYDOCK_URL right?`)
      })
    if (response.status < 300) return response.data
    throw problem(response.status, await text(response.data))
  }
  const read = async <T>(response: Readable): Promise<T> => {
    const answer = await text(response)
    if (answer === '') return null as T
    try {
      return JSON.parse(answer) as T
    } catch {
      throw new ClientError('bad-answer', `${base} answers no JSON; is DRYDOCK_URL right?`)
    }
  }
  const json = async <T>(method: string, path: string, body?: unknown): Promise<T> =>
    read(await call(method, path, body === undefined ? undefined : JSON.stringify(body)))
  return {
    json,
    mail: async (path, mail) => read(await call('POST', path, mail, { 'content-type': 'message/rfc822' })),
    async *all<T>(path: string) {
      let cursor: string | null = null
      do {
        const at: string =
          cursor === null ? path : `${path}${path.includes('?') ? '&' : '?'}cursor=${encodeURIComponent(cursor)}`
        const page: { items: T[]; next: string | null } = await json('GET', at)
        yield* page.items
        cursor = page.next
      } while (cursor !== null)
    },
    stream: async function* (path) {
      yield* texts(await call('GET', path))
    },
    async *events(path, lastId) {
      const headers = { accept: 'text/event-stream', ...(lastId === null ? {} : { 'last-event-id': lastId }) }
      yield* eventsIn(texts(endingAfter(await call('GET', path, undefined, headers), silenceMs)))
    },
  }
}

/** A service says something each 15 s while a log is followed: one that is silent for longer has lost its connection. */
const silenceMs = 60_000

async function* texts(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  try {
    for await (const chunk of body) yield decoder.decode(chunk, { stream: true })
  } catch (error) {
    throw new ClientError('broken-off', `the service broke off its answer (${(error as Error).message})`)
  }
}

/** DRYDOCK_TOKEN, or the file that DRYDOCK_TOKEN_FILE names; a line break at its end is no part of it. */
function tokenOf(env: NodeJS.ProcessEnv): string {
  const said = env.DRYDOCK_TOKEN || (env.DRYDOCK_TOKEN_FILE ? readFileSync(env.DRYDOCK_TOKEN_FILE, 'utf8') : '')
  const token = (said || env.DRYDOCK_ADMIN_TOKEN || '').trim()
  if (token === '') throw new ClientError('no-token', 'set DRYDOCK_TOKEN to an API token')
  if (!/^[\x21-\x7e]+$/.test(token)) throw new ClientError('no-token', 'DRYDOCK_TOKEN is no token: it holds spaces')
  return token
}

function problem(status: number, body: string): ClientError {
  try {
    const {
      code,
      detail,
      errors = [],
    } = JSON.parse(body) as { code: string; detail?: string; errors?: { path: string; message: string }[] }
    return new ClientError(code, [detail ?? code, ...errors.map((e) => `  ${e.path}: ${e.message}`)].join('\n'))
  } catch {
    return new ClientError('bad-answer', `the service answered ${status}: ${body.slice(0, 200)}`)
  }
}

/** REF in a path. */
export const at = (ref: string): string => encodeURIComponent(ref)

/** A query from what is set. */
export function query(values: Record<string, string | undefined>): string {
  const set = Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return set.length === 0 ? '' : `?${new URLSearchParams(set)}`
}

/** A subcommand that talks to the service: `--json` on all of them. */
export function clientCommand(program: Command, name: string, description: string): Command {
  return program.command(name).description(description).option('--json', 'print JSON')
}

export const print = (ctx: Context, value: unknown): void =>
  void ctx.stdout.write(`${JSON.stringify(value, null, 2)}\n`)
export const say = (ctx: Context, text: string): void => void ctx.stdout.write(`${text}\n`)
