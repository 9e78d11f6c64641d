import express, { type Router } from 'express'
import type { z } from 'zod'
import { buildRoutes } from '../api/routes/builds.ts'
import type { Build as BuildSchema } from '../api/schemas/build.ts'
import type { Deps } from '../deps.ts'
import { buildUrl, tagUrl } from '../links.ts'
import { ask, getRoute } from './ask.ts'
import { type Html, html } from './html.ts'
import { readable, sendPage } from './page.ts'
import { rootOf, signInFirst, visitorOf } from './visitor.ts'

type Build = z.infer<typeof BuildSchema>

/** `/builds/ID` for browsers, as GET /builds/ID has it; whoever is not signed in goes there first. */
export function buildRouter(d: Deps): Router {
  const router = express.Router()
  const root = rootOf(d)
  const one = getRoute(buildRoutes, '/builds/{id}')
  router.get('/builds/:id', async (request, response) => {
    const { id } = request.params
    const visitor = await visitorOf(d, request)
    if (!visitor) return signInFirst(d, response, buildUrl('', encodeURIComponent(id)))
    const build = await ask<Build>(d, one, visitor.principal, { request, response, params: { id } })
    sendPage(response, {
      title: `Build of ${build.ref}`,
      ...{ root, who: visitor.principal.name, body: buildBody(build, root) },
    })
  })
  return router
}

const buildBody = (build: Build, root: string): Html => html`<p class="state ${build.state}">${build.state}</p>
<dl>
<dt>Tag</dt><dd><a href="${tagUrl(root, build.ref)}">${build.ref}</a></dd>
<dt>Why</dt><dd>${whyOf(build)}</dd>
<dt>Asked for</dt><dd>${readable(build.createdAt)}</dd>
${build.startedAt && html`<dt>Began</dt><dd>${readable(build.startedAt)}</dd>`}
${build.finishedAt && html`<dt>Ended</dt><dd>${readable(build.finishedAt)}</dd>`}
${build.digest && html`<dt>Pushed</dt><dd><code>${build.digest}</code></dd>`}
${build.error && html`<dt>What failed</dt><dd>${build.error.message} <span class="small">(${build.error.code})</span></dd>`}
</dl>
<p><a class="button" href="${root}/api/v1/builds/${build.id}/logs">The whole log</a> <span class="small">for contributors and owners of the namespace</span></p>`

const reasons: Record<Build['reason']['kind'], string> = {
  'base-moved': 'a base moved',
  manual: 'somebody asked for it, or its recipe was changed',
  'git-push': 'its source was changed',
  schedule: 'it was time for it',
  retry: 'an earlier one failed',
}

const whyOf = ({ reason, note }: Build): string =>
  [reasons[reason.kind], reason.base, note].filter((part) => part !== null).join(': ')
