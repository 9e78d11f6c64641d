/**
 * In: the link of a mail that ends these mails, from a reader's browser or with one click from their mail provider (RFC 8058).
 * Out: a page that says what it would do, and after a POST that it was done and how to set it back.
 * Guarantees: a GET changes nothing, since scanners follow links; the token alone decides whose mails end and of which namespace, without a
 * cookie and without a script; nothing else can be done with it.
 */
import express, { type ErrorRequestHandler, type Request, type Response, type Router } from 'express'
import { z } from 'zod'
import { beginAudit, endAudit } from '../access/audit.ts'
import type { Deps } from '../deps.ts'
import { currentKey } from '../notify/link-key.ts'
import { Before, mailboxOf, setBack, unsubscribe, wantAgain } from '../notify/unsubscribe.ts'
import { readUnsubscribe, signed, type Unsubscribe, verified } from '../notify/unsubscribe-token.ts'
import { againPage, askPage, donePage, oddPage, setBackPage } from './unsubscribe-page.ts'

type Needs = Pick<Deps, 'sql' | 'db' | 'jobs' | 'clock' | 'vault' | 'log' | 'config'>

/** How it was before, by person: signed, so that a page can set that back and nothing else. */
const Back = z.strictObject({ of: z.string(), before: Before })
/** It comes back in a form: as many namespaces as anybody may name, with the longest names. */
const mostOfForm = '2mb'

const headers = {
  'cache-control': 'no-store',
  'x-robots-tag': 'noindex',
  'content-security-policy':
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
}

export function unsubscribeRouter(d: Needs): Router {
  const router = express.Router()
  const at = router.route('/unsubscribe/:token')
  at.get(async (request, response) => {
    const link = await linkOf(d, request)
    if (!link) return answer(response, 404, oddPage)
    answer(response, 200, askPage(link, await mailboxOf(d, link)))
  })
  at.post(async (request, response, next) => {
    if (await linkOf(d, request)) return next()
    answer(response, 404, oddPage)
  })
  at.post(express.raw({ type: () => true, limit: mostOfForm }), async (request, response) => {
    const link = await linkOf(d, request)
    if (!link) return answer(response, 404, oddPage)
    if ((await mailboxOf(d, link)) === 'nobody') return answer(response, 200, askPage(link, 'nobody'))
    const form = await formOf(request)
    const back = form?.get('Set-Back')
    if (typeof back === 'string') return takenBack(d, request, response, link, back)
    if (form?.get('Send') === 'Again') {
      const was = await noted(d, response, link, 'subscribe again', () => wantAgain(d, link))
      return answer(response, 200, was === 'nobody' ? askPage(link, was) : againPage(link))
    }
    if (form?.get('List-Unsubscribe') !== 'One-Click') return answer(response, 400, oddPage)
    const { was, before } = await noted(d, response, link, 'unsubscribe', () => unsubscribe(d, link))
    answer(response, 200, donePage(link, was, signed(d.vault, 'resubscribe', { of: tokenOf(request), before })))
  })
  router.use('/unsubscribe', unreadable)
  return router
}

/** A body that is too long, of an encoding that nobody knows, or cut off: whoever posted it reads pages. */
const unreadable: ErrorRequestHandler = (error: unknown, _request, response, next) => {
  const { status } = (error ?? {}) as { status?: unknown }
  if (typeof status !== 'number' || status < 400 || status > 499 || response.headersSent) return next(error)
  answer(response, status, oddPage)
}

const tokenOf = ({ params }: Request): string => String(params.token)
async function linkOf(d: Needs, request: Request): Promise<Unsubscribe | null> {
  const link = readUnsubscribe(d.vault, tokenOf(request))
  return link && { ...link, namespace: link.namespace === null ? null : await currentKey(d, link.namespace) }
}

async function takenBack(
  d: Needs,
  request: Request,
  response: Response,
  link: Unsubscribe,
  back: string,
): Promise<void> {
  const said = verified(d.vault, 'resubscribe', back, Back)
  if (said?.of !== tokenOf(request)) return answer(response, 400, oddPage)
  await noted(d, response, link, 'subscribe again', () => setBack(d, link, said.before))
  answer(response, 200, setBackPage(link))
}

/** Written down before it is done, as the API's calls are. */
async function noted<T>(
  d: Needs,
  response: Response,
  { person, namespace }: Unsubscribe,
  action: string,
  work: () => Promise<T>,
): Promise<T> {
  const principal = { name: person, via: 'mail', admin: false, scopes: [] }
  const requestId = String(response.getHeader('x-request-id'))
  const id = await beginAudit(d, principal, { action, subject: person, namespace, requestId })
  const result = await work()
  await endAudit(d, id, { status: 200, problem: null })
  d.log.info({ person, namespace, action }, 'a link of a mail was used')
  return result
}

/** RFC 8058 3.1: multipart/form-data, or application/x-www-form-urlencoded. Null where it is neither. */
async function formOf(request: Request): Promise<FormData | null> {
  const bytes: unknown = request.body
  if (!Buffer.isBuffer(bytes)) return null
  const type = request.headers['content-type'] ?? ''
  return new globalThis.Response(new Uint8Array(bytes), { headers: { 'content-type': type } })
    .formData()
    .catch(() => null)
}

function answer(response: Response, status: number, page: string): void {
  response.status(status).set(headers).type('html').send(page)
}
