import express, { type Router } from 'express'
import type { z } from 'zod'
import { nobody } from '../access/principal.ts'
import { ApiError } from '../api/problem.ts'
import { tagRoutes } from '../api/routes/tags.ts'
import type { TagStatus } from '../api/schemas/tag.ts'
import type { Deps } from '../deps.ts'
import { tagUrl } from '../links.ts'
import { ask, getRoute } from './ask.ts'
import { sendPage } from './page.ts'
import { tagBody } from './tag-page.ts'
import { rootOf, signInFirst, visitorOf } from './visitor.ts'

export type ShownTag = z.infer<typeof TagStatus>

/** `/tags/REF` for browsers, as GET /tags/REF has it: of a public namespace for everybody, as its badge is; else whoever is not signed in goes there first. */
export function tagRouter(d: Deps): Router {
  const router = express.Router()
  const root = rootOf(d)
  const one = getRoute(tagRoutes, '/tags/{ref}')
  router.get('/tags/:ref', async (request, response) => {
    const { ref } = request.params
    const visitor = await visitorOf(d, request)
    const principal = visitor?.principal ?? nobody
    try {
      const tag = await ask<ShownTag>(d, one, principal, { request, response, params: { ref } })
      const body = tagBody(tag, { root, publicUrl: d.config.publicUrl })
      sendPage(response, { title: tag.ref, root, who: visitor ? principal.name : null, body })
    } catch (error) {
      const isHidden = error instanceof ApiError && error.code === 'no-such-tag'
      if (visitor || !isHidden) throw error
      signInFirst(d, response, tagUrl('', ref))
    }
  })
  return router
}
