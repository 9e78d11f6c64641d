import { afterEach, describe, expect, test } from '@jest/globals'
import { digestOf } from '../../src/registry/check-digest.ts'
import { makeClient, type RegistryClient } from '../../src/registry/client.ts'
import type { RegistryError } from '../../src/registry/registry-error.ts'
import { type Handler, type HttpServer, reply, serveHttp } from '../support/http-server.ts'

let server: HttpServer
let client: RegistryClient
let told: [code: string, wait: number][]

const bytes = Buffer.from('bytes')
const digest = digestOf(bytes)

async function registry(handler: Handler): Promise<void> {
  told = []
  server = await serveHttp(handler)
  const policy = { attempts: 4, firstPause: 2, longestPause: 8, longestRetryAfter: 40 }
  const onRetry = (error: RegistryError, _: number, wait: number) => void told.push([error.code, wait])
  client = makeClient({ url: new URL(server.url), policy, onRetry })
}
afterEach(async () => {
  client.close()
  await server.close()
})

/** Fails the first requests as told, then answers. */
function failing(failures: readonly Handler[], then: Handler): Handler {
  const left = [...failures]
  return (request, response, url) => (left.shift() ?? then)(request, response, url)
}
const fails =
  (status: number, headers = {}): Handler =>
  (_request, response) =>
    reply(response, status, '', headers)
const serves: Handler = (_request, response) => reply(response, 200, bytes)

test('a registry that is ill for a while is asked again', async () => {
  await registry(failing([fails(500), fails(503), (_request, response) => response.destroy()], serves))
  expect(await client.getBlob('a', digest, { maxBytes: 10 })).toEqual(bytes)
  expect(told.map(([code]) => code)).toEqual(['registry-error', 'registry-error', 'unreachable'])
})

test('one that stays ill gives its last error', async () => {
  await registry(fails(502))
  await expect(client.getBlob('a', digest, { maxBytes: 10 })).rejects.toMatchObject({ code: 'registry-error' })
  expect(server.seen.length).toBe(4)
})

describe('Retry-After', () => {
  test.each([
    ['seconds', () => '3600'],
    ['a date', () => new Date(Date.now() + 3_600_000).toUTCString()],
  ])('(%s) beyond what is waited for here: not asked before then, but given up', async (_, value) => {
    await registry(failing([fails(429, { 'retry-after': value() })], serves))
    await expect(client.getBlob('a', digest, { maxBytes: 10 })).rejects.toMatchObject({ code: 'rate-limited' })
    expect(server.seen.length).toBe(1)
  })

  test('that asks for no time: the usual pause', async () => {
    await registry(failing([fails(429, { 'retry-after': '0' })], serves))
    expect(await client.getBlob('a', digest, { maxBytes: 10 })).toEqual(bytes)
    expect(told).toEqual([['rate-limited', expect.any(Number)]])
    expect(told[0]![1]).toBeLessThanOrEqual(2)
  })

  test('is told to the caller who gets the error', async () => {
    await registry(fails(429, { 'retry-after': '7' }))
    await expect(client.hasBlob('a', digest)).rejects.toMatchObject({ code: 'rate-limited', retryAfter: 7_000 })
  })
})

test.each([400, 401, 403, 404])('%i is not asked again', async (status) => {
  await registry(fails(status))
  await client.getBlob('a', digest, { maxBytes: 10 }).catch(() => undefined)
  expect(server.seen.length).toBe(1)
})

test('an upload that breaks begins anew, with an upload of its own', async () => {
  let uploads = 0
  await registry((request, response) => {
    if (request.method === 'POST')
      return reply(response, 202, '', { location: `/v2/a/blobs/uploads/${++uploads}?state=s` })
    if (uploads === 1) return void response.destroy()
    request.resume().on('end', () => reply(response, 201))
  })
  await client.uploadBlob('a', digest, bytes)
  const query = `?state=s&digest=${encodeURIComponent(digest)}`
  expect(server.seen.map(({ method, path }) => `${method} ${path}`)).toEqual([
    'POST /v2/a/blobs/uploads/',
    `PUT /v2/a/blobs/uploads/1${query}`,
    'POST /v2/a/blobs/uploads/',
    `PUT /v2/a/blobs/uploads/2${query}`,
  ])
})
