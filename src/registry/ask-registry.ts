import pLimit from 'p-limit'
import { isRepository } from '../oci/reference.ts'
import { abortable } from './abortable.ts'
import type { Authorizer } from './authorize.ts'
import { type Answer, type Ask, type Exchange, place } from './exchange.ts'
import { follow } from './follow.ts'
import { codeOfStatus, RegistryError } from './registry-error.ts'
import { type OnRetry, parseRetryAfter, type RetryPolicy, retrying } from './retry.ts'
import type { ByteSource } from './transfer.ts'

/** A question to a registry. `path` is below `/v2/`, or whole as the registry gave it. `scopes`: what a token must allow. */
export type Question = {
  method: Ask['method']
  path: string | URL
  scopes: readonly string[]
  headers?: Readonly<Record<string, string>>
  body?: Uint8Array | ByteSource
  maxBytes?: number
  streamed?: boolean
}

/**
 * How the parts of a client ask. Both log in where they must and throw on 401, 403, 408, 429 and 5xx; every other status is an answer.
 * `once` asks a single time; `ask` again while that may help. `repeat` does so for several questions that belong together.
 * A `streamed` answer does not count among the requests under way: it is what another one sends, and must not wait for that to end.
 */
export type AskRegistry = {
  url: URL
  plain: boolean
  once: (question: Question, signal?: AbortSignal) => Promise<Answer>
  ask: (question: Question, signal?: AbortSignal) => Promise<Answer>
  repeat: <T>(attempt: () => Promise<T>, signal?: AbortSignal) => Promise<T>
}

type Options = {
  url: URL
  plain: boolean
  exchange: Pick<Exchange, 'send'>
  authorizer: Authorizer
  /** requests under way at once */
  width: number
  policy: RetryPolicy
  onRetry: OnRetry
}

const answerBytes = 1024 * 1024

export function makeAskRegistry(options: Options): AskRegistry {
  const { url: registry, plain, exchange, authorizer, policy, onRetry } = options
  const limit = pLimit(options.width)
  const root = `${registry.origin}${registry.pathname.replace(/\/+$/, '')}/v2/`

  async function authorized(question: Question, signal: AbortSignal | undefined): Promise<Answer> {
    signal?.throwIfAborted()
    const { method, path, scopes, headers = {}, body, maxBytes = answerBytes, streamed } = question
    const url = path instanceof URL ? path : new URL(root + path)
    // What the registry points at elsewhere is none of its own: our login is not for it.
    const own = url.origin === registry.origin
    const send = (authorization: string | null) => {
      const all = { ...headers, ...(own && authorization !== null ? { authorization } : {}) }
      return follow((ask) => exchange.send(ask, signal), { method, url, headers: all, body, maxBytes, streamed }, plain)
    }
    const known = authorizer.known(scopes)
    const answer = await send(known)
    if (!own || answer.status !== 401 || answer.url.origin !== registry.origin) return answer
    const challenges = answer.headers['www-authenticate'] ?? ''
    return send(await abortable(authorizer.answer(challenges, scopes, known), signal))
  }

  async function attempt(question: Question, signal: AbortSignal | undefined): Promise<Answer> {
    const answer = await authorized(question, signal)
    const { status } = answer
    if (status < 500 && ![401, 403, 408, 429].includes(status)) return answer
    throw errorOf(question.method, answer)
  }

  const once: AskRegistry['once'] = (question, signal) =>
    abortable(question.streamed ? attempt(question, signal) : limit(attempt, question, signal), signal)
  const repeat: AskRegistry['repeat'] = (work, signal) => retrying(policy, signal, onRetry, work)
  return { url: registry, plain, once, repeat, ask: (question, signal) => repeat(() => once(question, signal), signal) }
}

/** The error an answer stands for, with what the registry says of it. */
export function errorOf(method: string, { status, headers, bytes, url }: Answer): RegistryError {
  const said = spokenError(bytes)
  const message = `${method} ${place(url)}: the registry answered ${status}${said === '' ? '' : `: ${said}`}`
  return new RegistryError(codeOfStatus(status), message, {
    retryAfter: parseRetryAfter(headers['retry-after'], new Date()),
    status,
  })
}

/** `CODE message` of the first error in a body as the spec has it, '' where there is none. */
function spokenError(bytes: Buffer): string {
  try {
    const [first] =
      (JSON.parse(bytes.toString('utf8')) as { errors?: { code?: unknown; message?: unknown }[] }).errors ?? []
    return first ? `${String(first.code)} ${String(first.message ?? '')}`.trim().slice(0, 300) : ''
  } catch {
    return ''
  }
}

/** A repository's name as part of a path. Names from outside were checked when they came in; this keeps `..` out for good. */
export function repositoryPath(repository: string): string {
  if (!isRepository(repository)) throw new TypeError(`${JSON.stringify(repository)} is no repository name`)
  return repository
}
