import type { Request, Response } from 'express'
import type { z } from 'zod'
import type { Key, NamespaceNeed, PlainNeed } from '../access/access.ts'
import type { Details } from '../access/audit.ts'
import { nobody, type Principal } from '../access/principal.ts'
import { withheldFrom } from '../access/withheld-from.ts'
import type { Deps } from '../deps.ts'
import { audited } from './audited.ts'
import { authorize, type MayIn } from './authorize.ts'
import { ApiError, invalid, type ProblemCode } from './problem.ts'
import { illFormedAt } from './well-formed.ts'

type Shape = z.ZodObject<z.ZodRawShape>
/** `hostless`: names in the body that stand without a registry's host: repositories, tags, keys of namespaces (withhold.ts). */
export type Answer = { status: number; body?: unknown; hostless?: readonly string[] }

/** What a handler gets: parsed parameters, query and body, who asks, and the raw request for those that stream. */
export type Input<P extends Shape, Q extends Shape, B extends z.ZodType> = {
  params: z.infer<P>
  query: z.infer<Q>
  body: z.infer<B>
  request: Request
  principal: Principal
  /** of the namespaces the call is about: what else the caller may do there */
  mayIn: MayIn
}
/** What `access.of` knows of a call: all but who makes it. */
type Asked<P extends Shape, Q extends Shape, B extends z.ZodType> = Omit<Input<P, Q, B>, 'mayIn'>

/**
 * What a route needs of who calls it (docs/design/access.md). `of`: the namespaces that a call is about, none where there is no such
 * thing; `hidden`: the problem where none of them may be read. Nothing of a call's things is looked at before `of`.
 */
export type Access<I> =
  | { need: PlainNeed }
  | { need: NamespaceNeed; of(d: Deps, input: I): readonly Key[] | Promise<readonly Key[]>; hidden: ProblemCode }

/**
 * One call of the API: the single source of its validation, its place in the OpenAPI document and its handler. `path` is
 * OpenAPI's (`/tags/{ref}`), below /api/v1. `responses`: what it answers besides problems, by status; null = no body, a list = texts of
 * these media types. `stream` handlers write the response themselves and return null.
 */
export type Route<P extends Shape = Shape, Q extends Shape = Shape, B extends z.ZodType = z.ZodType> = Call<P, Q, B> &
  ({ method: 'get' } | { method: 'put' | 'post' | 'delete'; details: Tells<P, Q, B> })

/**
 * What the audit log keeps of a call that changes something, besides to what it was done: what somebody will ask for later (which role, how
 * visible, which token an id was), chosen field by field, and never a secret. null: there is nothing more to know.
 */
type Tells<P extends Shape, Q extends Shape, B extends z.ZodType> =
  | ((d: Deps, input: Asked<P, Q, B>) => Details | null | Promise<Details | null>)
  | null

type Call<P extends Shape, Q extends Shape, B extends z.ZodType> = {
  path: `/${string}`
  summary: string
  access: Access<Asked<P, Q, B>>
  params?: P
  query?: Q
  body?: B
  /** media type of a body that is no JSON, of at most 1 MiB: `request.body` has its bytes, where it is of that type */
  takes?: string
  responses: Record<number, z.ZodType | readonly string[] | null>
  problems?: ProblemCode[]
  /** what the audit log says it was done to, where that is not in the path */
  subject?(input: Asked<P, Q, B>): string
  handle(d: Deps, input: Input<P, Q, B>, response: Response): Promise<Answer | null>
}

/** Keeps the handler's types tied to the route's own schemas, and forgets them for the list of all routes. */
export const route = <P extends Shape, Q extends Shape, B extends z.ZodType>(r: Route<P, Q, B>): Route =>
  r as unknown as Route

/** Runs a route on a request: parse, let pass or not, handle, answer without the names that are not the caller's to see. */
export async function run(d: Deps, r: Route, request: Request, response: Response): Promise<void> {
  const principal = principalIn(response)
  const input = { ...parsed(r, request), request, principal }
  const answer = await audited(d, r, { input, response }, (keys) => pass(d, r, input, keys, response))
  if (!answer) return
  if (answer.body === undefined) return void response.status(answer.status).end()
  const body = await withheldFrom(d, principal, answer.body, answer.hostless)
  response.status(answer.status).type('application/json').send(JSON.stringify(body))
}

type AnyAsked = Asked<Shape, Shape, z.ZodType>

async function pass(
  d: Deps,
  r: Route,
  asked: AnyAsked,
  keys: () => Promise<readonly Key[]>,
  response: Response,
): Promise<Answer | null> {
  const mayIn = await authorize(d, asked.principal, { access: r.access, method: r.method, keys })
  return r.handle(d, { ...asked, mayIn }, response)
}

/** Who asks, as the app found out (app.ts). */
export const principalIn = (response: Response): Principal => (response.locals.principal as Principal) ?? nobody

/** A part of a call (`where`: "path", "query", "body") by its schema; undefined where it has none. Throws `bad-request`. */
export function parsedPart<T extends z.ZodType>(
  where: string,
  schema: T | undefined,
  value: unknown,
): z.infer<T> | undefined {
  const parsed = schema?.safeParse(value)
  if (parsed && !parsed.success) throw invalid(where, parsed.error)
  const illFormed = illFormedAt(parsed?.data)
  if (illFormed !== null)
    throw new ApiError('bad-request', `the ${where} is not as it should be`, [
      { path: illFormed, message: 'holds a NUL or half of a surrogate pair' },
    ])
  return parsed?.data
}

function parsed(r: Route, request: Request) {
  if (r.body && request.body === undefined && !request.is('json') && hasBody(request))
    throw new ApiError('not-json', 'the body must be application/json')
  const params = parsedPart('path', r.params, request.params) as never
  const query = parsedPart('query', r.query, request.query) as never
  const body = parsedPart('body', r.body, request.body ?? {}) as never
  return { params, query, body }
}

const hasBody = (request: Request): boolean =>
  request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0
