import type { Request, Response } from 'express'
import { beginAudit, type Details, endAudit } from '../access/audit.ts'
import type { Principal } from '../access/principal.ts'
import { cookieOf, isFromOurPages, sessionCookie } from '../access/session-cookie.ts'
import { sessionHash, sessionPrincipal } from '../access/sessions.ts'
import { ApiError, problemOf } from '../api/problem.ts'
import type { Deps } from '../deps.ts'

/** Who is signed in; `session`: its hash. */
export type Visitor = { principal: Principal; session: string }

/** Null where nobody is, or no longer. */
export async function visitorOf(d: Pick<Deps, 'sql' | 'clock'>, request: Request): Promise<Visitor | null> {
  const value = cookieOf(request, sessionCookie)
  const principal = value === null ? null : await sessionPrincipal(d, value)
  return principal && value !== null ? { principal, session: sessionHash(value) } : null
}

/** The path below which we are reached: a proxy may have us under one. */
export const rootOf = ({ config }: Pick<Deps, 'config'>): string =>
  new URL(config.publicUrl).pathname.replace(/\/+$/, '')

/** To the page for signing in, and from there to where they wanted: a path of ours, not below the root. */
export const signInFirst = (d: Pick<Deps, 'config'>, response: Response, wanted: string): void =>
  response.redirect(303, `${rootOf(d)}/sign-in${wanted === '/' ? '' : `?${new URLSearchParams({ next: wanted })}`}`)

/** The fields of a form, sent by one of our own pages; else `forbidden`. */
export function formOf(d: Pick<Deps, 'config'>, request: Request): URLSearchParams {
  if (!isFromOurPages(request, d.config.publicUrl))
    throw new ApiError('forbidden', `this form is sent from the pages at ${d.config.publicUrl} alone: open it there`)
  return new URLSearchParams(typeof request.body === 'string' ? request.body : '')
}

/** One line of a form: what no column and no log could hold is left out. */
export const field = (form: URLSearchParams, name: string, most = 300): string =>
  (form.get(name) ?? '').replaceAll('\0', '').toWellFormed().slice(0, most).trim()

/** Does what changes something, written down before and with its end after. `status`: of what was done (200). */
export async function noted<T>(
  d: Pick<Deps, 'sql' | 'clock' | 'log'>,
  response: Response,
  who: Pick<Principal, 'name' | 'via'>,
  what: { action: string; subject?: string; details?: Details | null; status?: (result: T) => number },
  work: () => Promise<T>,
): Promise<T> {
  const { action, subject = '', details = null, status: statusOf = () => 200 } = what
  const principal = { ...who, admin: false, scopes: [] }
  const requestId = String(response.getHeader('x-request-id'))
  const id = await beginAudit(d, principal, { action, subject, namespace: null, details, requestId })
  const ended = (status: number, problem: string | null) =>
    endAudit(d, id, { status, problem }).catch((err: unknown) =>
      d.log.warn({ err, audit: String(id) }, 'could not write down what became of a call'),
    )
  try {
    const result = await work()
    await ended(statusOf(result), null)
    return result
  } catch (error) {
    const { status, code } = problemOf(error)
    await ended(status, code)
    throw error
  }
}
