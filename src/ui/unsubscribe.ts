/**
 * In: the link of a mail that ends these mails, from a reader's browser or with one click from their mail provider (RFC 8058).
 * Out: a page that says what it would do, and after a POST that it was done and how to set it back.
 * Guarantees: a GET changes nothing, since scanners follow links; the token alone decides whose mails end and of which namespace, without a
 * cookie and without a script; nothing else can be done with it.
 */
import express, { type Request, type Response, type Router } from 'express'
import { z } from 'zod'
import { beginAudit, endAudit } from '../access/audit.ts'
import type { Deps } from '../deps.ts'
import { isUnsubscribed, NotifySettings, putNotifySettings, unsubscribe } from '../notify/notify-settings.ts'
import { readUnsubscribe, signed, type Unsubscribe, verified } from '../notify/unsubscribe-token.ts'
import { askPage, donePage, oddPage, setBackPage } from './unsubscribe-page.ts'

type Needs = Pick<Deps, 'sql' | 'db' | 'jobs' | 'clock' | 'vault' | 'log'>

/** How it was before, by person: signed, so that a page can set that back and nothing else. */
const Before = z.strictObject({ of: z.string(), settings: z.record(z.string(), NotifySettings) })

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
    const link = linkOf(d, request)
    if (!link) return answer(response, 404, oddPage)
    answer(response, 200, askPage(link, await isUnsubscribed(d, link)))
  })
  at.post(express.raw({ type: () => true, limit: '200kb' }), async (request, response) => {
    const link = linkOf(d, request)
    if (!link) return answer(response, 404, oddPage)
    const form = await formOf(request)
    const back = form?.get('Set-Back')
    if (typeof back === 'string') return setBack(d, request, response, link, back)
    if (form?.get('List-Unsubscribe') !== 'One-Click') return answer(response, 400, oddPage)
    const before = await noted(d, response, link, 'unsubscribe', () => unsubscribe(d, link))
    answer(response, 200, donePage(link, signed(d.vault, 'resubscribe', { of: tokenOf(request), settings: before })))
  })
  return router
}

const tokenOf = ({ params }: Request): string => String(params.token)
const linkOf = (d: Needs, request: Request): Unsubscribe | null => readUnsubscribe(d.vault, tokenOf(request))

async function setBack(d: Needs, request: Request, response: Response, link: Unsubscribe, back: string): Promise<void> {
  const before = verified(d.vault, 'resubscribe', back, Before)
  if (before?.of !== tokenOf(request)) return answer(response, 400, oddPage)
  await noted(d, response, link, 'subscribe again', async () => {
    for (const [name, settings] of Object.entries(before.settings)) await putNotifySettings(d, name, settings)
  })
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
