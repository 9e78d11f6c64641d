import express, { type NextFunction, type Request, type Response, type Router } from 'express'
import { problemOf } from '../api/problem.ts'
import type { Deps } from '../deps.ts'
import { accountRouter } from './account.ts'
import { buildRouter } from './build.ts'
import { html } from './html.ts'
import { mailsRouter } from './mails.ts'
import { oidcRouter } from './oidc-sign-in.ts'
import { sendPage } from './page.ts'
import { signInRouter } from './sign-in.ts'
import { startRouter } from './start.ts'
import { tagRouter } from './tag.ts'
import { rootOf } from './visitor.ts'

/** Every page for people who sign in; whatever fails is a page too, with the number under which the log has it. */
export function pagesRouter(d: Deps): Router {
  const router = express.Router()
  const form = express.text({ type: 'application/x-www-form-urlencoded', limit: '256kb' })
  router.use(['/sign-in', '/sign-out', '/account'], form)
  router.use(startRouter(d), tagRouter(d), buildRouter(d), signInRouter(d), accountRouter(d), mailsRouter(d))
  if (d.config.oidc) router.use(oidcRouter(d, d.config.oidc))
  router.use((error: unknown, request: Request, response: Response, next: NextFunction) => {
    if (response.headersSent) return next(error)
    const { status, code, detail } = problemOf(error)
    const requestId = String(response.getHeader('x-request-id'))
    if (status >= 500) d.log.warn({ err: error, path: request.path, requestId }, 'a page failed')
    const body = html`<p role="alert">${detail ?? 'Something failed here.'}</p>
<p class="small">${code}${status >= 500 && `; in the log as ${requestId}`}</p>
<p><a href="${rootOf(d)}/">What is outdated</a></p>`
    sendPage(response, {
      title: status === 404 ? 'Not here' : 'This did not work',
      root: rootOf(d),
      who: null,
      status,
      body,
    })
  })
  return router
}
