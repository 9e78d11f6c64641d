import type { Request, Response } from 'express'
import type { Principal } from '../access/principal.ts'
import { withheldFrom } from '../access/withheld-from.ts'
import { authorize } from '../api/authorize.ts'
import { parsedPart, type Route } from '../api/route.ts'
import type { Deps } from '../deps.ts'

/**
 * What a GET of the API answers to this person, for a page to show: the same check of what they may, the same names withheld. `Body`: what its
 * schema gives; a name that is withheld stands where the schema may want a reference. Throws the problem that the call would be answered with.
 */
export async function ask<Body>(
  d: Deps,
  route: Route,
  principal: Principal,
  call: { request: Request; response: Response; params?: Record<string, string>; query?: Record<string, unknown> },
): Promise<Body> {
  const { request, response } = call
  const params = parsedPart('path', route.params, call.params ?? {}) ?? {}
  const query = parsedPart('query', route.query, call.query ?? {}) ?? {}
  const asked = { params, query, body: {}, request, principal }
  const { access } = route
  const keys = async () => ('of' in access ? access.of(d, asked) : [])
  const mayIn = await authorize(d, principal, { access, method: 'get', keys })
  const answer = await route.handle(d, { ...asked, mayIn }, response)
  return withheldFrom(d, principal, answer?.body as Body, answer?.hostless)
}

/** The route of a GET, which is there. */
export function getRoute(routes: readonly Route[], path: Route['path']): Route {
  const found = routes.find((route) => route.method === 'get' && route.path === path)
  if (!found) throw new Error(`there is no GET ${path}`)
  return found
}
