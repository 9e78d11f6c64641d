/*
 * In: the requests of a client that pushes or pulls. Out: its answers, and a notification to every endpoint for each push and delete.
 * Guarantees: what the distribution spec says of pushing and pulling, digests checked; events in order, repeated until taken.
 * For the demo and the tests: in memory, one process, no authentication; referrers where they are asked for.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { isRepository } from '../../oci/reference.ts'
import { blobRoute, uploadRoute } from './blobs.ts'
import { eventMaker, type Target } from './event.ts'
import { answer, answerPage, type Exchange, type Route } from './exchange.ts'
import { manifestRoute } from './manifests.ts'
import { type Endpoint, startNotifier } from './notifier.ts'
import { referrersRoute } from './referrers.ts'
import { SpecError } from './spec-error.ts'
import { makeStore } from './store.ts'

export type SmallRegistryOptions = {
  /** default 0: any free port */
  port?: number
  /** the address to listen on, default 127.0.0.1 */
  host?: string
  /** its host in image references, default `localhost:PORT` */
  name?: string
  endpoints?: readonly Endpoint[]
  /** has the referrers API; default false, as Distribution has none */
  referrers?: boolean
}

/** `url`: where it is reached, without a slash at the end. `host`: its name in image references. */
export type SmallRegistry = { url: string; host: string; port: number; close: () => Promise<void> }

const withReferrers: readonly [RegExp, Route][] = [
  [/^(?<repository>.+)\/referrers\/(?<reference>[^/]+)$/, referrersRoute],
]
/** Paths below `/v2/`, in this order: a repository may be called `a/tags/list/b`. */
const usual: readonly [RegExp, Route][] = [
  [/^(?<repository>.+)\/tags\/list$/, listTags],
  [/^(?<repository>.+)\/manifests\/(?<reference>[^/]+)$/, manifestRoute],
  [/^(?<repository>.+)\/blobs\/uploads\/(?<reference>[^/]*)$/, uploadRoute],
  [/^(?<repository>.+)\/blobs\/(?<reference>[^/]+)$/, blobRoute],
  [/^_catalog$/, listRepositories],
  [/^$/, (exchange) => answer(exchange, 200, { 'content-type': 'application/json' }, '{}')],
]

export async function startSmallRegistry(options: SmallRegistryOptions = {}): Promise<SmallRegistry> {
  const { port = 0, host: address = '127.0.0.1', endpoints = [], referrers = false } = options
  const store = makeStore()
  const notifiers = endpoints.map(startNotifier)
  const server = createServer()
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, address, resolve)
  })
  const listening = (server.address() as AddressInfo).port
  const host = options.name ?? `localhost:${listening}`
  const makeEvent = eventMaker(host)
  const announce = (request: IncomingMessage, action: 'push' | 'delete', target: Target) => {
    const asked = request.headers.host ?? host
    const asker = { addr: `${request.socket.remoteAddress}:${request.socket.remotePort}`, host: asked }
    const method = request.method ?? ''
    const useragent = request.headers['user-agent'] ?? ''
    const absolute = target.url === undefined ? target : { ...target, url: `http://${asked}${target.url}` }
    const event = makeEvent(action, absolute, { ...asker, method, useragent })
    for (const notifier of notifiers) notifier.send(event)
  }
  server.on('request', (request, response) => {
    const said = (action: 'push' | 'delete', target: Target) => announce(request, action, target)
    void serve({ store, referrers, announce: said }, request, response)
  })
  return {
    url: `http://${address.includes(':') ? `[${address}]` : address}:${listening}`,
    host,
    port: listening,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeAllConnections()
      await Promise.all([closed, ...notifiers.map((notifier) => notifier.close())])
    },
  }
}

type Parts = Pick<Exchange, 'store' | 'announce' | 'referrers'>

async function serve(parts: Parts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  response.setHeader('docker-distribution-api-version', 'registry/2.0')
  const url = new URL(request.url ?? '/', 'http://registry')
  const exchange = { request, response, method: request.method ?? 'GET', query: url.searchParams, ...parts }
  try {
    await dispatch(exchange, decodeURIComponent(url.pathname))
  } catch (error) {
    if (response.headersSent || response.destroyed) return void response.destroy()
    const fault = error instanceof SpecError ? error : null
    const body = fault?.body() ?? JSON.stringify({ errors: [{ code: 'UNKNOWN', message: String(error) }] })
    // What is left of a body that was refused is not read, so the connection cannot be used again.
    const headers = { 'content-type': 'application/json', ...(request.complete ? {} : { connection: 'close' }) }
    answer({ ...exchange, repository: '', reference: '' }, fault?.status ?? 500, headers, body)
  }
}

async function dispatch(exchange: Omit<Exchange, 'repository' | 'reference'>, path: string): Promise<void> {
  if (!path.startsWith('/v2/')) throw new SpecError('NAME_UNKNOWN', 'no such path')
  for (const [pattern, route] of exchange.referrers ? [...withReferrers, ...usual] : usual) {
    const found = pattern.exec(path.slice('/v2/'.length))
    if (!found) continue
    const { repository = '', reference = '' } = found.groups ?? {}
    if (found.groups && !isRepository(repository)) throw new SpecError('NAME_INVALID', 'invalid repository name')
    return route({ ...exchange, repository, reference })
  }
  throw new SpecError('NAME_UNKNOWN', 'no such path')
}

function listTags(exchange: Exchange): void {
  const { store, repository: name } = exchange
  const held = store.repositories.get(name)
  if (!held) throw new SpecError('NAME_UNKNOWN', 'repository name not known to registry', { name })
  answerPage(exchange, `/v2/${name}/tags/list`, [...held.tags.keys()], (tags) => ({ name, tags }))
}

function listRepositories(exchange: Exchange): void {
  answerPage(exchange, '/v2/_catalog', [...exchange.store.repositories.keys()], (repositories) => ({ repositories }))
}
