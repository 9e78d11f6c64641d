import express, { type Router } from 'express'
import { z } from 'zod'
import type { pageOf } from '../api/page.ts'
import { outdatedRoutes } from '../api/routes/outdated.ts'
import type { OutdatedTag } from '../api/schemas/tag.ts'
import type { Deps } from '../deps.ts'
import { outdatedUrl, tagUrl } from '../links.ts'
import { rebuildWords } from '../plan/rebuild-words.ts'
import { ask, getRoute } from './ask.ts'
import { type Html, html } from './html.ts'
import { sendPage } from './page.ts'
import { rootOf, signInFirst, visitorOf } from './visitor.ts'

const most = 50
type Outdated = z.infer<ReturnType<typeof pageOf<typeof OutdatedTag>>>

/** What of the list is wanted; what is no text is as if it were not there. */
const Wanted = z.object({
  base: z.string().optional().catch(undefined),
  namespace: z.string().optional().catch(undefined),
})
type Wanted = z.infer<typeof Wanted>

/** `/` for browsers: what is outdated of what the person may read, as GET /outdated has it without what is snoozed; whoever is not signed in goes there first. */
export function startRouter(d: Deps): Router {
  const router = express.Router()
  const root = rootOf(d)
  const list = getRoute(outdatedRoutes, '/outdated')
  router.get('/', async (request, response, next) => {
    if (request.headers.accept === undefined || request.accepts(['json', 'html']) !== 'html') return next()
    const wanted = Wanted.parse(request.query)
    const visitor = await visitorOf(d, request)
    if (!visitor) return signInFirst(d, response, outdatedUrl('', wanted))
    const query = { limit: most, role: 'all', ignored: 'false', snoozed: 'false', ...wanted }
    const { items, next: more } = await ask<Outdated>(d, list, visitor.principal, { request, response, query })
    const body = html`${narrowed(wanted, root)}${startBody(items, more !== null, root)}`
    sendPage(response, { title: 'Outdated images', root, who: visitor.principal.name, body })
  })
  return router
}

const narrowed = ({ base, namespace }: Wanted, root: string): Html | null =>
  base === undefined && namespace === undefined
    ? null
    : html`<p>${base !== undefined && html`By ${base}. `}${namespace !== undefined && html`In namespace ${namespace}. `}<a href="${outdatedUrl(root)}">All</a></p>`

const startBody = (items: Outdated['items'], more: boolean, root: string): Html =>
  items.length === 0
    ? html`<p>Nothing that you may read is outdated, unless it is snoozed.</p>`
    : html`<ul class="rows">${items.map(
        ({ ref, outdatedSince, causes, rebuild }) => html`<li><span><a href="${tagUrl(root, ref)}">${ref}</a><br>
<span class="small">since ${outdatedSince.slice(0, 10)}, by ${[...new Set(causes.map(({ base }) => base))].slice(0, 3).join(', ')};
${rebuildWords[rebuild.state]}</span></span></li>`,
      )}</ul>
${more && html`<p>These are the ${most} outdated longest. All of them: <code>drydock outdated</code>.</p>`}`
