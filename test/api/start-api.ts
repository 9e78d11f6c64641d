import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from '@jest/globals'
import { Ajv2020 } from 'ajv/dist/2020.js'
import pino from 'pino'
import { z } from 'zod'
import { apiApp } from '../../src/api/app.ts'
import { openapiDocument } from '../../src/api/openapi.ts'
import { Problem } from '../../src/api/problem.ts'
import type { Route } from '../../src/api/route.ts'
import { routes } from '../../src/api/routes.ts'
import { makeVault } from '../../src/build/vault.ts'
import type { Config } from '../../src/config.ts'
import type { Deps } from '../../src/deps.ts'
import { makeJobs } from '../../src/jobs/jobs.ts'
import { makeRegistries } from '../../src/registry/registries.ts'
import { configFor } from '../notify/config.ts'
import type { TestDatabase } from '../support/postgres.ts'

export type Answer<T = unknown> = { status: number; body: T; headers: Headers; text: string }
/** JSON of any shape, for reading: what it really is, the assertions say. */
export type Loose = {
  readonly [field: string]: unknown
  readonly code: string
  readonly id: string
  readonly ref: string
  readonly next: string | null
  readonly items: readonly Loose[]
  readonly children: readonly Loose[]
  readonly causes: readonly Loose[]
  readonly errors: readonly { path: string; message: string }[]
  readonly again: boolean
  readonly root: Loose
  readonly checks: Loose
  readonly error: Loose
  readonly paths: Record<string, object>
}
type Sent = { body?: unknown; raw?: string | Buffer; headers?: Record<string, string>; token?: string | null }

/** The real app on a port of its own. Every JSON answer is checked against its route's schema and the OpenAPI document. */
export type TestApi = {
  d: Deps
  url: string
  token: string
  call: <T = Loose>(method: string, path: string, sent?: Sent) => Promise<Answer<T>>
  get: <T = Loose>(path: string) => Promise<T>
  close: () => Promise<void>
}

export async function startApi(
  pg: Pick<TestDatabase, 'sql' | 'db'>,
  registries: Config['registries'] = configFor(['reg:5000']).registries,
  beyond: Pick<Config, 'outside' | 'watch'> & Partial<Config> = { outside: [], watch: [] },
): Promise<TestApi> {
  const token = 'a-token-of-the-tests'
  const config = { ...configFor([]), registries, ...beyond, adminToken: token }
  const log = pino({ level: 'silent' })
  const clients = makeRegistries(registries, log, beyond)
  const d: Deps = {
    ...{ config, log, sql: pg.sql, db: pg.db, jobs: makeJobs(), registries: clients },
    ...{ vault: makeVault('a secret'), mailer: null, clock: () => new Date() },
  }
  const server = createServer(apiApp(d, { web: true }))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const check = checker()

  async function call<T>(method: string, path: string, sent: Sent = {}): Promise<Answer<T>> {
    const bytes = sent.raw ?? (sent.body === undefined ? undefined : JSON.stringify(sent.body))
    const response = await fetch(`${url}${path.startsWith('/') ? '' : '/api/v1/'}${path}`, {
      method,
      headers: {
        ...(sent.token === null ? {} : { authorization: `Bearer ${sent.token ?? token}` }),
        ...(bytes === undefined ? {} : { 'content-type': 'application/json' }),
        ...sent.headers,
      },
      ...(bytes === undefined ? {} : { body: typeof bytes === 'string' ? bytes : new Uint8Array(bytes) }),
    })
    const text = await response.text()
    const json = /^application.(problem.)?json/.test(response.headers.get('content-type') ?? '') && text !== ''
    const body = json ? JSON.parse(text) : null
    if (json && !path.startsWith('/')) check(method, path, response, body)
    return { status: response.status, body, headers: response.headers, text }
  }
  return {
    ...{ d, url, token, call },
    async get<T = Loose>(path: string) {
      const answer = await call<T>('GET', path)
      expect([path, answer.status, answer.status === 200 ? null : answer.text]).toEqual([path, 200, null])
      return answer.body
    },
    async close() {
      clients.close()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** The route of a path, written as a client writes it. */
export const routeOf = (method: string, path: string): Route | undefined =>
  routes.find((r) => {
    const pattern = new RegExp(`^${r.path.slice(1).replace(/\{\w+\}/g, '[^/]+')}$`)
    return r.method === method.toLowerCase() && pattern.test(path.replace(/\?.*/s, ''))
  })

function checker() {
  const document = openapiDocument()
  const ajv = new Ajv2020({ strict: false, validateFormats: false })
  ajv.addSchema({ ...document, $id: 'openapi' })
  return (method: string, path: string, response: Response, body: unknown) => {
    const problem = response.headers.get('content-type')?.startsWith('application/problem+json')
    const r = routeOf(method, path)
    if (problem) expect(Problem.parse(body)).toMatchObject({ status: response.status })
    if (!r) return void expect(path === 'openapi.json' || problem).toBe(true)
    const schema = problem ? Problem : r.responses[response.status]
    if (!(schema instanceof z.ZodType)) throw new Error(`${method} ${path} answers ${response.status}, undocumented`)
    // Parsing leaves out what the schema does not know: so nothing more is answered than is documented.
    expect(schema.parse(body)).toEqual(body)
    if (response.status === 405) return
    const type = problem ? 'application~1problem+json' : 'application~1json'
    const place = ['paths', `/api/v1${r.path}`.replaceAll('/', '~1'), r.method, 'responses', response.status, 'content']
    const validate = ajv.getSchema(
      `openapi#/${[...place, type, 'schema'].join('/').replace(/[{}]/g, encodeURIComponent)}`,
    )
    if (!validate) throw new Error(`${method} ${path}: the document has no ${response.status}`)
    expect([validate(body), validate.errors]).toEqual([true, null])
  }
}
