import express, { type Router } from 'express'
import { z } from 'zod'
import { readsEverything } from '../access/readable-by.ts'
import { mailRoutes } from '../api/routes/mails.ts'
import type { Deps } from '../deps.ts'
import { mailsUrl, mailUrl } from '../links.ts'
import { ask, getRoute } from './ask.ts'
import { mailBody, mailsBody, type ShownMail, type ShownMails } from './mails-page.ts'
import { sendPage } from './page.ts'
import { rootOf, signInFirst, visitorOf } from './visitor.ts'

const ofPage = '50'

/** What of the list is wanted; what is no text is as if it were not there. */
const Wanted = z.object({
  state: z.string().optional().catch(undefined),
  cursor: z.string().optional().catch(undefined),
})

/** `/mails` and `/mails/ID` for browsers, as GET /mails and GET /mails/ID have them: one's own, to admins all; whoever is not signed in goes there first. */
export function mailsRouter(d: Deps): Router {
  const router = express.Router()
  const root = rootOf(d)
  const list = getRoute(mailRoutes, '/mails')
  const one = getRoute(mailRoutes, '/mails/{id}')
  router.get('/mails', async (request, response) => {
    const wanted = Wanted.parse(request.query)
    const visitor = await visitorOf(d, request)
    if (!visitor) return signInFirst(d, response, mailsUrl('', wanted))
    const { principal } = visitor
    const query = { limit: ofPage, ...wanted }
    const mails = await ask<ShownMails>(d, list, principal, { request, response, query })
    const title = readsEverything(principal) ? 'Mails' : 'Your mails'
    sendPage(response, { title, root, who: principal.name, body: mailsBody(mails, wanted.state ?? null, root) })
  })
  router.get('/mails/:id', async (request, response) => {
    const { id } = request.params
    const visitor = await visitorOf(d, request)
    if (!visitor) return signInFirst(d, response, mailUrl('', id))
    const mail = await ask<ShownMail>(d, one, visitor.principal, { request, response, params: { id } })
    sendPage(response, { title: mail.subject, root, who: visitor.principal.name, body: mailBody(mail, root) })
  })
  return router
}
