import type { Command } from 'commander'
import type { Context } from './context.ts'

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
  /** every item of a list, page after page */
  all<T>(path: string): AsyncGenerator<T>
  stream(path: string): AsyncGenerator<string>
}

/** A client of the service at DRYDOCK_URL, with DRYDOCK_TOKEN. */
export function client(env: NodeJS.ProcessEnv): Client {
  const base = (env.DRYDOCK_URL || 'http://127.0.0.1:8080').replace(/\/+$/, '')
  const token = env.DRYDOCK_TOKEN || env.DRYDOCK_ADMIN_TOKEN
  async function call(method: string, path: string, body?: unknown): Promise<Response> {
    if (!token) throw new ClientError('no-token', 'set DRYDOCK_TOKEN to an API token')
    const headers = {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    }
    const response = await fetch(`${base}/api/v1${path}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    }).catch((error: Error) => {
      throw new ClientError(
        'unreachable',
        `no service answers at ${base} (${error.cause instanceof Error ? error.cause.message : error.message}); is DRYDOCK_URL right?`,
      )
    })
    if (response.ok) return response
    throw await problem(response)
  }
  const json = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const text = await (await call(method, path, body)).text()
    return (text === '' ? null : JSON.parse(text)) as T
  }
  return {
    json,
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
    async *stream(path) {
      const response = await call('GET', path)
      const decoder = new TextDecoder()
      for await (const chunk of response.body ?? []) yield decoder.decode(chunk, { stream: true })
    },
  }
}

async function problem(response: Response): Promise<ClientError> {
  const text = await response.text()
  try {
    const {
      code,
      detail,
      errors = [],
    } = JSON.parse(text) as { code: string; detail?: string; errors?: { path: string; message: string }[] }
    return new ClientError(code, [detail ?? code, ...errors.map((e) => `  ${e.path}: ${e.message}`)].join('\n'))
  } catch {
    return new ClientError('bad-answer', `the service answered ${response.status}: ${text.slice(0, 200)}`)
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
