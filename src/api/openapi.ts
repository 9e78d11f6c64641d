import { z } from 'zod'
import {
  createDocument,
  type ZodOpenApiOperationObject,
  type ZodOpenApiPathsObject,
  type ZodOpenApiResponsesObject,
} from 'zod-openapi'
import { accessOf } from './access-table.ts'
import { builderRoutes } from './builder-service.ts'
import { Problem, type ProblemCode, statusOf } from './problem.ts'
import type { Route } from './route.ts'
import { routes } from './routes.ts'
import { webhookPaths, webhookSchemes } from './webhook-paths.ts'

/** Problems that any call may answer. */
const always: ProblemCode[] = [
  'bad-request',
  'unauthorized',
  'two-credentials',
  'portus-failed',
  'too-many-attempts',
  'database-down',
  'internal',
]

const Health = z.object({ status: z.string(), checks: z.record(z.string(), z.string()).optional() })
const plain = (type: string, schema: z.ZodType, description: string) => ({
  description,
  content: { [type]: { schema } },
})

/** What wants no token. */
const openPaths: ZodOpenApiPathsObject = {
  '/api/v1/openapi.json': {
    get: {
      summary: 'This document',
      security: [],
      responses: { 200: plain('application/json', z.looseObject({}), 'OpenAPI 3.1') },
    },
  },
  '/healthz': {
    get: {
      summary: 'The process lives',
      security: [],
      responses: { 200: plain('application/json', Health, 'it does') },
    },
  },
  '/readyz': {
    get: {
      summary: 'Database, migrations and queue are there',
      security: [],
      responses: {
        200: plain('application/json', Health, 'ready'),
        503: plain('application/json', Health, 'not ready: what is not ok, and why'),
      },
    },
  },
  ...webhookPaths,
  '/v2/webhooks/git/{ns}': {
    post: {
      summary:
        'A push, as GitHub, GitLab, Gitea or Forgejo tell it, signed with the secret of the namespace (PUT /namespaces/NS/git-hook)',
      security: [],
      requestParams: { path: z.object({ ns: z.string() }) },
      responses: {
        202: plain('application/json', z.looseObject({}), 'builds are queued, or it says why none is'),
        401: plain(
          'application/json',
          z.looseObject({}),
          'the signature is missing or wrong, or there is no such hook',
        ),
      },
    },
  },
  '/metrics': {
    get: { summary: 'For Prometheus', security: [], responses: { 200: plain('text/plain', z.string(), 'metrics') } },
  },
}

/** The OpenAPI document of exactly the routes there are. */
export function openapiDocument(): object {
  const paths: ZodOpenApiPathsObject = {}
  const add = (below: string, r: Route, prefix = '') => {
    paths[below + r.path] = { ...paths[below + r.path], [r.method]: operation(r, prefix) }
  }
  for (const r of routes) add('/api/v1', r)
  for (const r of builderRoutes) add('/builder/v1', r, 'builder-')
  return createDocument({
    openapi: '3.1.0',
    info: {
      title: 'Drydock',
      version: '1',
      description: 'Times are ISO 8601 UTC. Lists are {items, next}. Problems are RFC 9457.',
    },
    security: ways,
    paths: { ...paths, ...openPaths },
    components: {
      securitySchemes: {
        ...webhookSchemes,
        token: { type: 'http', scheme: 'bearer' },
        portus: {
          type: 'apiKey',
          in: 'header',
          name: 'Portus-Auth',
          description: 'user:token, where PORTUS_URL is set',
        },
      },
    },
  })
}

/** How one shows who one is. */
const ways: Record<string, string[]>[] = [{ token: [] }, { portus: [] }]

function operation(r: Route, prefix: string): ZodOpenApiOperationObject {
  const query = r.query
  return {
    operationId: `${prefix}${r.method}${r.path.replace(/[/{}]+(\w?)/g, (_, letter: string) => letter.toUpperCase())}`,
    summary: r.summary,
    'x-access': accessOf(r),
    ...(r.access.need === 'open'
      ? { security: [{}, ...ways] }
      : r.access.need === 'builder'
        ? { security: [{ token: [] }] }
        : {}),
    ...(r.params || query
      ? { requestParams: { ...(r.params ? { path: r.params } : {}), ...(query ? { query } : {}) } }
      : {}),
    ...(r.body
      ? {
          requestBody: { required: !r.body.safeParse({}).success, content: { 'application/json': { schema: r.body } } },
        }
      : {}),
    ...(r.takes === undefined
      ? {}
      : { requestBody: { required: true, content: { [r.takes]: { schema: { type: 'string' as const } } } } }),
    responses: responsesOf(r),
  }
}

/** Problems of who may not: `forbidden`, and the route's own where something is not theirs to see. */
const accessProblems = ({ access }: Route): ProblemCode[] => [
  ...(access.need === 'open' || access.need === 'person' ? [] : (['forbidden'] as const)),
  ...('hidden' in access ? [access.hidden] : []),
]

const refProblems = (r: Route): ProblemCode[] => (r.params && 'ref' in r.params.shape ? ['no-such-registry'] : [])

function responsesOf(r: Route): ZodOpenApiResponsesObject {
  const responses: ZodOpenApiResponsesObject = {}
  for (const [status, schema] of Object.entries(r.responses)) {
    const content =
      schema === null
        ? {}
        : schema instanceof z.ZodType
          ? { content: { 'application/json': { schema } } }
          : { content: Object.fromEntries(schema.map((type) => [type, { schema: z.string() }])) }
    responses[status as `${1 | 2 | 3 | 4 | 5}${string}`] = { description: 'done', ...content }
  }
  const codes = [
    ...always,
    ...(r.body ? (['body-too-large', 'not-json'] as const) : []),
    ...refProblems(r),
    ...accessProblems(r),
    ...(r.problems ?? []),
  ]
  for (const [status, group] of Map.groupBy(new Set(codes), (code) => statusOf[code]))
    responses[`${status}` as `${1 | 2 | 3 | 4 | 5}${string}`] = {
      description: group.join(', '),
      content: { 'application/problem+json': { schema: Problem } },
    }
  return responses
}
