import { getCACertificates } from 'node:tls'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { digestOf } from '../../src/registry/check-digest.ts'
import { makeClient, type RegistryClient } from '../../src/registry/client.ts'
import { type Certificate, makeCertificate } from '../support/certificate.ts'
import { type Handler, type HttpServer, reply, serveHttp } from '../support/http-server.ts'

/** Where a registry points at other hosts: to a store of blobs, an upload, a token service; with and without TLS. */
const bytes = Buffer.from('bytes')
const digest = digestOf(bytes)
const credentials = { username: 'ada', password: 'secret' }
const once = { attempts: 1, firstPause: 1, longestPause: 1, longestRetryAfter: 1 }

let certificate: Certificate
const open: { close: () => Promise<void> | void }[] = []

beforeAll(() => {
  certificate = makeCertificate()
})
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close()
})
afterAll(() => certificate.remove())

async function serve(handler: Handler, tls = false): Promise<HttpServer> {
  const server = await serveHttp(handler, tls ? certificate : undefined)
  open.push(server)
  return server
}

function clientOf(server: HttpServer, options: { insecure?: boolean; trust?: boolean } = {}): RegistryClient {
  const ca = options.trust ? { own: certificate.cert, usual: getCACertificates('default') } : null
  const client = makeClient({
    url: new URL(server.url),
    credentials,
    policy: once,
    ca,
    insecure: options.insecure ?? false,
  })
  open.push(client)
  return client
}
const ask = (client: RegistryClient) => client.getBlob('a', digest, { maxBytes: 10 })

/** Wants Basic, and then sends on to `location`. */
const pointing =
  (location: () => string, status = 307): Handler =>
  (request, response) =>
    request.headers.authorization
      ? reply(response, status, '', { location: location() })
      : reply(response, 401, '', { 'www-authenticate': 'Basic realm="x"' })

describe('a redirect', () => {
  test.each([301, 302, 303, 307, 308])('(%i) to another host is followed without the password', async (status) => {
    const store = await serve((_request, response) => reply(response, 200, bytes))
    const registry = await serve(pointing(() => `${store.url}/bucket/1?signature=x`, status))
    expect(await ask(clientOf(registry))).toEqual(bytes)
    expect(registry.seen.at(-1)!.authorization).toMatch(/^Basic /)
    expect(store.seen).toEqual([expect.objectContaining({ path: '/bucket/1?signature=x', authorization: undefined })])
  })

  test('within the registry keeps the password', async () => {
    const registry = await serve((request, response, { pathname }) =>
      pathname === '/elsewhere'
        ? reply(response, 200, bytes)
        : pointing(() => '/elsewhere')(request, response, new URL('http://x')),
    )
    expect(await ask(clientOf(registry))).toEqual(bytes)
    expect(registry.seen.at(-1)).toMatchObject({ path: '/elsewhere', authorization: expect.stringMatching(/^Basic /) })
  })

  test('back to the registry does not bring the password back', async () => {
    const store = await serve((_request, response) => reply(response, 302, '', { location: `${registry.url}/back` }))
    const registry: HttpServer = await serve((request, response, { pathname }) =>
      pathname === '/back'
        ? reply(response, 200, bytes)
        : pointing(() => store.url)(request, response, new URL('http://x')),
    )
    expect(await ask(clientOf(registry))).toEqual(bytes)
    expect(registry.seen.at(-1)).toMatchObject({ path: '/back', authorization: undefined })
  })

  test('to a host that wants a login of its own gets none', async () => {
    const store = await serve((_request, response) =>
      reply(response, 401, '', { 'www-authenticate': 'Basic realm="give"' }),
    )
    const registry = await serve(pointing(() => store.url))
    await expect(ask(clientOf(registry))).rejects.toMatchObject({ code: 'unauthorized' })
    expect(store.seen.map(({ authorization }) => authorization)).toEqual([undefined])
  })

  test.each([
    ['in a circle', '/v2/a/blobs/x'],
    ['to no address', 'http://'],
    ['to a file', 'file:///etc/passwd'],
  ])('%s is a bad-response', async (_, location) => {
    const registry = await serve(pointing(() => location))
    await expect(ask(clientOf(registry))).rejects.toMatchObject({ code: 'bad-response' })
  })

  test('does not tell its signature in an error', async () => {
    const store = await serve((_request, response) => reply(response, 500))
    const registry = await serve(pointing(() => `${store.url}/1?signature=sesame`))
    await expect(ask(clientOf(registry))).rejects.toMatchObject({ message: expect.not.stringContaining('sesame') })
  })
})

test('an upload that goes on at another host goes there without the password', async () => {
  const store = await serve((request, response) => void request.resume().on('end', () => reply(response, 201)))
  const registry = await serve((request, response) =>
    request.headers.authorization
      ? reply(response, 202, '', { location: `${store.url}/upload?id=1` })
      : reply(response, 401, '', { 'www-authenticate': 'Basic realm="x"' }),
  )
  await clientOf(registry).uploadBlob('a', digest, bytes)
  expect(store.seen).toEqual([
    expect.objectContaining({
      method: 'PUT',
      path: `/upload?id=1&digest=${encodeURIComponent(digest)}`,
      authorization: undefined,
    }),
  ])
})

describe('TLS', () => {
  const serving: Handler = (_request, response) => reply(response, 200, bytes)

  test('with a certificate of a private authority is taken where it is trusted, or with insecure', async () => {
    const registry = await serve(serving, true)
    expect(await ask(clientOf(registry, { trust: true }))).toEqual(bytes)
    expect(await ask(clientOf(registry, { insecure: true }))).toEqual(bytes)
    await expect(ask(clientOf(registry))).rejects.toMatchObject({
      code: 'unreachable',
      cause: { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' },
    })
  })

  test('is not left by a redirect, but with insecure', async () => {
    const store = await serve(serving)
    const registry = await serve(
      pointing(() => store.url),
      true,
    )
    await expect(ask(clientOf(registry, { trust: true }))).rejects.toMatchObject({ code: 'bad-response' })
    expect(store.seen).toEqual([])
    expect(await ask(clientOf(registry, { insecure: true }))).toEqual(bytes)
  })

  test('is kept where a proxy that ends it makes the registry write http for itself', async () => {
    const registry = await serve((request, response, { pathname }) => {
      if (pathname === '/there') return reply(response, 200, bytes)
      reply(response, 307, '', { location: `http://${request.headers.host}/there` })
    }, true)
    expect(await ask(clientOf(registry, { trust: true }))).toEqual(bytes)
  })

  test('is not left for a token: the password does not go over plain http to another machine', async () => {
    const challenge = 'Bearer realm="http://auth.example.org/token",service="x"'
    const registry = await serve(
      (_request, response) => reply(response, 401, '', { 'www-authenticate': challenge }),
      true,
    )
    await expect(ask(clientOf(registry, { trust: true }))).rejects.toMatchObject({
      code: 'unauthorized',
      message: expect.stringContaining('not sent over plain http'),
    })
  })
})
