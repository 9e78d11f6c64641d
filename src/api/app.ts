/**
 * in: HTTP requests that are no webhook. out: the JSON API under /api/v1, health, readiness and metrics.
 * guarantees: every call is one Route (validated, documented, authenticated); whatever fails is an RFC 9457 problem without a stack.
 */
import { randomUUID } from 'node:crypto'
import express, { type Express, type NextFunction, type Request, type Response } from 'express'
import { authenticate, authenticators, showsToken, unauthorized } from '../access/authenticate.ts'
import { type Principal, tracker } from '../access/principal.ts'
import { withheldFrom } from '../access/withheld-from.ts'
import type { Deps } from '../deps.ts'
import { pagesRouter } from '../ui/pages.ts'
import { unsubscribeRouter } from '../ui/unsubscribe.ts'
import { builderRoutes } from './builder-service.ts'
import { healthRouter } from './health.ts'
import { openapiDocument } from './openapi.ts'
import { ApiError, type Problem, problemOf } from './problem.ts'
import { principalIn, type Route, run } from './route.ts'
import { routes } from './routes.ts'
import { scannerRouter } from './scanner.ts'

/** Without `web` and `builder`: a process of other roles, which answers for its health and metrics alone. `builder`: a build service. */
export function apiApp(d: Deps, { web, builder = false }: { web: boolean; builder?: boolean }): Express {
  const app = express()
  app
    .disable('x-powered-by')
    .set('etag', false)
    .set('query parser', 'simple')
    .set('trust proxy', [...d.config.trustedProxies])
  app.use((request, response, next) => {
    response.setHeader('x-request-id', randomUUID())
    response.setHeader('x-content-type-options', 'nosniff')
    response.setHeader('referrer-policy', 'no-referrer')
    response.on('finish', () =>
      d.log.debug({ method: request.method, path: request.path, status: response.statusCode }, 'request'),
    )
    next()
  })
  app.use(healthRouter(d))
  if (web) {
    const document = JSON.stringify(openapiDocument())
    app.get('/api/v1/openapi.json', (_request, response) => void response.type('application/json').send(document))
    app.use('/api/v1', apiRouter(d, routes, identify(d, routes)))
    app.use(unsubscribeRouter(d), pagesRouter(d))
    if (d.config.scanner) app.use(scannerRouter(d))
  }
  if (builder && d.config.builderToken !== null)
    app.use('/builder/v1', apiRouter(d, builderRoutes, trackerOnly(d.config.builderToken), '8mb'))
  app.use((request) => {
    throw new ApiError('no-such-route', `there is no ${request.method} ${request.path}`)
  })
  app.use(async (error: unknown, request: Request, response: Response, _next: NextFunction) => {
    const problem = await shownTo(d, principalIn(response), problemOf(error))
    if (problem.status >= 500)
      d.log.warn({ err: error, path: request.path, requestId: response.getHeader('x-request-id') }, 'request failed')
    if (response.headersSent) return void response.destroy()
    if (problem.status === 401) response.setHeader('www-authenticate', 'Bearer realm="drydock"')
    response.status(problem.status).type('application/problem+json').send(JSON.stringify(problem))
  })
  return app
}

/** A problem without names that are not theirs to see; without any words where that cannot be found out. */
async function shownTo(d: Deps, principal: Principal, problem: Problem): Promise<Problem> {
  const { detail: _, errors: __, ...bare } = problem
  return withheldFrom(d, principal, problem).catch((err: unknown) => {
    d.log.warn({ err }, 'could not find out what of a problem may be told')
    return bare
  })
}

type Identify = (request: Request) => Promise<Principal>

/** Whoever the request shows to be; nobody passes to what is open alone. */
function identify(d: Deps, routes: readonly Route[]): Identify {
  const ways = authenticators(d.config)
  const open = routes
    .filter((r) => r.access.need === 'open')
    .map(({ method, path }) => ({ method, pattern: new RegExp(`^${path.replace(/\{\w+\}/g, '[^/]+')}$`) }))
  return async (request) => {
    const principal = await authenticate(d, ways, request)
    const method = request.method === 'HEAD' ? 'get' : request.method.toLowerCase()
    if (principal.via === 'nobody' && !open.some((r) => r.method === method && r.pattern.test(request.path)))
      throw unauthorized()
    return principal
  }
}

const trackerOnly =
  (token: string): Identify =>
  async ({ headers }) => {
    if (!showsToken(headers.authorization, token)) throw unauthorized()
    return tracker
  }

function apiRouter(d: Deps, routes: readonly Route[], identify: Identify, limit = '1mb'): express.Router {
  const router = express.Router()
  router.use(async (request, response, next) => {
    // what one may read is no other's: handlers that mean it otherwise (a badge) say so
    response.setHeader('cache-control', 'no-store')
    response.locals.principal = await identify(request)
    next()
  })
  router.use(express.json({ limit, strict: false }))
  const byPath = Map.groupBy(routes, (r) => r.path)
  for (const [path, group] of byPath) {
    const at = router.route(path.replace(/\{(\w+)\}/g, ':$1'))
    const allowed = group.flatMap((r) => (r.method === 'get' ? ['GET', 'HEAD'] : [r.method.toUpperCase()])).join(', ')
    for (const r of group) {
      if (r.takes !== undefined) at[r.method](express.raw({ limit, type: r.takes }))
      at[r.method]((request, response) => run(d, r, request, response))
    }
    at.all((_request, response) => {
      response.setHeader('allow', allowed)
      throw new ApiError('method-not-allowed', `only ${allowed} here`)
    })
  }
  return router
}
