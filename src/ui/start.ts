import express, { type Router } from 'express'
import type { z } from 'zod'
import { withheldFrom } from '../access/withheld-from.ts'
import { pageOf } from '../api/page.ts'
import { outdatedRoutes } from '../api/routes/outdated.ts'
import { OutdatedTag } from '../api/schemas/tag.ts'
import type { Deps } from '../deps.ts'
import { tagUrl } from '../notify/digest-links.ts'
import { type Html, html } from './html.ts'
import { sendPage } from './page.ts'
import { rootOf, visitorOf } from './visitor.ts'

const most = 50
const Outdated = pageOf(OutdatedTag)
type Outdated = z.infer<typeof Outdated>

/** `/` for browsers: what is outdated of what the person may read, as GET /outdated has it without what is snoozed; whoever is not signed in goes there first. */
export function startRouter(d: Deps): Router {
  const router = express.Router()
  const root = rootOf(d)
  router.get('/', async (request, response, next) => {
    if (request.headers.accept === undefined || request.accepts(['json', 'html']) !== 'html') return next()
    const visitor = await visitorOf(d, request)
    if (!visitor) return response.redirect(303, `${root}/sign-in`)
    const { principal } = visitor
    const list = outdatedRoutes.find(({ path }) => path === '/outdated')
    if (!list) throw new Error('there is no list of what is outdated')
    const query = { limit: most, role: 'all', ignored: 'false', snoozed: 'false' }
    const asked = { params: {}, query, body: {}, request, principal, mayIn: () => false }
    const answer = await list.handle(d, asked, response)
    const { items, next: more } = Outdated.parse(await withheldFrom(d, principal, answer?.body))
    const body = startBody(items, more !== null, (ref) => tagUrl(d.config.publicUrl, ref))
    sendPage(response, { title: 'Outdated images', root, who: principal.name, body })
  })
  return router
}

const startBody = (items: Outdated['items'], more: boolean, url: (ref: string) => string): Html =>
  items.length === 0
    ? html`<p>Nothing that you may read is outdated, unless it is snoozed.</p>`
    : html`<ul class="rows">${items.map(
        ({ ref, outdatedSince, causes, rebuild }) => html`<li><span><a href="${url(ref)}">${ref}</a><br>
<span class="small">since ${outdatedSince.slice(0, 10)}, by ${[...new Set(causes.map(({ base }) => base))].slice(0, 3).join(', ')}</span></span>
<span class="small">${rebuildWords[rebuild.state] ?? rebuild.state}</span></li>`,
      )}</ul>
${more && html`<p>These are the ${most} outdated longest. All of them: <code>drydock outdated</code>.</p>`}`

const rebuildWords: Record<string, string | undefined> = {
  ...{ none: 'no recipe', manual: 'to be built by hand', approval: 'waits for approval', failed: 'the build failed' },
  ...{ queued: 'a build is queued', running: 'is being built', waiting: 'waits for its base' },
}
