/**
 * in: names and passwords from browsers. out: sessions; and their end.
 * guarantees: a form of another site signs nobody in or out; each attempt that was looked at is in the audit log, with the name only where
 * it is somebody's (people type passwords into the wrong field).
 */
import express, { type Request, type Response, type Router } from 'express'
import { AccessError } from '../access/access-error.ts'
import { checkPassword } from '../access/passwords.ts'
import { sessionCookie, setCookie } from '../access/session-cookie.ts'
import { endSessions, type NewSession, sessionLife, startSession } from '../access/sessions.ts'
import type { Deps } from '../deps.ts'
import { nextPlace } from './next-place.ts'
import { sendPage } from './page.ts'
import { signInBody, signOutBody } from './sign-in-page.ts'
import { field, formOf, noted, rootOf, visitorOf } from './visitor.ts'

export function signInRouter(d: Deps): Router {
  const router = express.Router()
  const root = rootOf(d)
  router.get('/sign-in', async (request, response) => {
    const next = nextPlace(request.query.next)
    if (await visitorOf(d, request)) return response.redirect(303, root + next)
    showSignIn(d, response, { next })
  })
  router.post('/sign-in', async (request, response) => {
    const form = formOf(d, request)
    const [name, next] = [field(form, 'name'), nextPlace(form.get('next'))]
    try {
      await signIn(d, request, response, name, form.get('password') ?? '')
      response.redirect(303, root + next)
    } catch (error) {
      const status = refusals[error instanceof AccessError ? error.code : '']
      if (status === undefined) throw error
      showSignIn(d, response, { next, name, status, fault: (error as Error).message })
    }
  })
  router.get('/sign-out', async (request, response) => {
    const visitor = await visitorOf(d, request)
    if (!visitor) return response.redirect(303, `${root}/sign-in`)
    sendPage(response, { title: 'Sign out?', root, who: visitor.principal.name, body: signOutBody(root) })
  })
  router.post('/sign-out', async (request, response) => {
    formOf(d, request)
    const visitor = await visitorOf(d, request)
    if (visitor) {
      const { principal, session } = visitor
      await noted(d, response, principal, { action: 'sign out', subject: principal.name }, () =>
        endSessions(d, principal.name, { only: session }),
      )
    }
    response.append('set-cookie', setCookie(d, sessionCookie, null))
    response.redirect(303, `${root}/sign-in`)
  })
  return router
}

const refusals: Record<string, number | undefined> = {
  'wrong-password': 401,
  unauthorized: 401,
  'too-many-attempts': 429,
  busy: 503,
}

/** The page, perhaps with what went wrong before it. */
export function showSignIn(
  d: Pick<Deps, 'config'>,
  response: Response,
  {
    next = '/',
    name = '',
    fault = null,
    status = 200,
  }: { next?: string; name?: string; fault?: string | null; status?: number },
): void {
  const provider = d.config.oidc && new URL(d.config.oidc.issuer).host
  const root = rootOf(d)
  sendPage(response, {
    title: 'Sign in',
    root,
    who: null,
    status,
    body: signInBody({ root, next, provider, name, fault }),
  })
}

/** Too many attempts are in the log, and not in the audit log, which whoever makes them would fill. */
async function signIn(d: Deps, request: Request, response: Response, name: string, password: string): Promise<void> {
  const attempt = { name, address: request.ip ?? '' }
  const session = await checkPassword(d, attempt, password).catch(async (error: unknown) => {
    const code = error instanceof AccessError ? error.code : null
    if (code !== null) d.log.warn({ code, address: attempt.address }, 'a sign-in was refused')
    if (code === 'wrong-password') await writeRefused(d, response, { name, via: 'password', error })
    throw error
  })
  await beginSession(d, response, {
    user: session.name,
    via: 'password',
    subject: null,
    admin: false,
    phc: session.phc,
  })
}

/** A refused attempt, as a row of the audit log. */
export async function writeRefused(
  d: Deps,
  response: Response,
  { name, via, error }: { name: string; via: string; error: unknown },
): Promise<void> {
  const [known] = await d.sql<{ name: string }[]>`select name from person where name = ${name}`
  const who = { name: known?.name ?? '', via }
  const failed = noted(d, response, who, { action: 'sign in', subject: who.name }, () => Promise.reject(error))
  await failed.catch((thrown: unknown) => {
    if (thrown !== error) throw thrown
  })
}

/** Lets a person in: the session's cookie is in the response. */
export async function beginSession(d: Deps, response: Response, session: NewSession): Promise<void> {
  const who = { name: session.user, via: session.via }
  const value = await noted(d, response, who, { action: 'sign in', subject: session.user }, () =>
    startSession(d, session),
  )
  response.append('set-cookie', setCookie(d, sessionCookie, value, { maxAge: sessionLife.whole / 1000 }))
  d.log.info({ user: session.user, via: session.via }, 'signed in')
}
