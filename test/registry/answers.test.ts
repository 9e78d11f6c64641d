import { afterEach, describe, expect, test } from '@jest/globals'
import type { Digest } from '../../src/oci/digest.ts'
import { mediaTypes } from '../../src/oci/media-type.ts'
import { digestOf } from '../../src/registry/check-digest.ts'
import { makeClient, type RegistryClient } from '../../src/registry/client.ts'
import { all } from '../support/all.ts'
import { type Handler, type HttpServer, reply, serveHttp } from '../support/http-server.ts'

/** Registries that lie, break or say odd things: each is a real server on loopback. */
let server: HttpServer
let client: RegistryClient

const once = { attempts: 1, firstPause: 1, longestPause: 1, longestRetryAfter: 1 }

async function registry(handler: Handler): Promise<RegistryClient> {
  server = await serveHttp(handler)
  client = makeClient({ url: new URL(server.url), policy: once })
  return client
}
afterEach(async () => {
  client.close()
  await server.close()
})

const manifest = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [] }))
const digest = digestOf(manifest)
const other = digestOf(Buffer.from('other'))
const type = { 'content-type': `${mediaTypes.ociIndex}; charset=utf-8` }

describe('a digest', () => {
  test.each([
    ['asked for', digest, {}],
    ['announced for a tag', '1', { 'docker-content-digest': digest }],
  ])('%s and not of the bytes sent: digest-mismatch', async (_, reference, headers) => {
    await registry((_request, response) => reply(response, 200, `${manifest} `, { ...type, ...headers }))
    const error = { name: 'RegistryError', code: 'digest-mismatch', retryable: false }
    await expect(client.getManifest('a', reference)).rejects.toMatchObject(error)
  })

  test('of a blob that is not of the bytes sent: digest-mismatch', async () => {
    await registry((_request, response) => reply(response, 200, 'lies'))
    await expect(client.getBlob('a', digest, { maxBytes: 10 })).rejects.toMatchObject({ code: 'digest-mismatch' })
  })

  test('nobody announces is that of the bytes', async () => {
    await registry((_request, response) => reply(response, 200, manifest, type))
    expect(await client.getManifest('a', '1')).toMatchObject({ digest, mediaType: mediaTypes.ociIndex })
  })

  test('of another algorithm counts as well', async () => {
    const long = digestOf(manifest, 'sha512:')
    await registry((_request, response) => reply(response, 200, manifest, { ...type, 'docker-content-digest': digest }))
    expect((await client.getManifest('a', long))?.digest).toBe(long)
  })

  test('a registry stores another one than was pushed: digest-mismatch', async () => {
    await registry((_request, response) => reply(response, 201, '', { 'docker-content-digest': other }))
    const pushed = client.putManifest('a', '1', { bytes: manifest, mediaType: mediaTypes.ociIndex })
    await expect(pushed).rejects.toMatchObject({ code: 'digest-mismatch' })
  })
})

describe('HEAD', () => {
  test.each([
    ['is not known (405)', 405, {}],
    ['is answered without a digest', 200, type],
    ['is answered without a media type', 200, { 'docker-content-digest': digest }],
  ])('%s: the manifest is fetched', async (_, status, headers) => {
    await registry(({ method }, response) =>
      method === 'HEAD' ? reply(response, status, '', headers) : reply(response, 200, manifest, type),
    )
    expect(await client.headManifest('a', '1')).toMatchObject({ digest, mediaType: mediaTypes.ociIndex })
    expect(server.seen.map(({ method }) => method)).toEqual(['HEAD', 'GET'])
  })

  test('gives the time by the registry, and asks for every media type we know', async () => {
    const date = 'Sat, 21 Nov 2026 05:00:00 GMT'
    await registry((_request, response) => reply(response, 200, '', { ...type, 'docker-content-digest': digest, date }))
    expect(await client.headManifest('a', '1')).toEqual({
      digest,
      mediaType: mediaTypes.ociIndex,
      date: new Date(date),
    })
    const accepted = server.seen[0]!.headers.accept!.split(', ')
    expect(accepted).toEqual(
      expect.arrayContaining(
        ['ociIndex', 'ociManifest', 'dockerIndex', 'dockerManifest'].map(
          (name) => mediaTypes[name as keyof typeof mediaTypes],
        ),
      ),
    )
  })
})

test.each([
  ['the manifest says', manifest, mediaTypes.ociIndex],
  ['nobody says', Buffer.from('{"schemaVersion":2}'), ''],
])('without Content-Type the media type is what %s', async (_, body, mediaType) => {
  await registry((_request, response) => reply(response, 200, body))
  expect((await client.getManifest('a', '1'))?.mediaType).toBe(mediaType)
})

test.each(['{}', 'x', '{"error":"maintenance"}'])(
  '%s under a tag is no manifest, whatever its status says',
  async (body) => {
    await registry((_request, response) => reply(response, 200, body, { 'content-type': 'application/json' }))
    await expect(client.getManifest('a', '1')).rejects.toMatchObject({ code: 'bad-response' })
  },
)

test.each([
  ['text/html', '<html>not found</html>'],
  ['text/plain; charset=utf-8', '404 page not found'],
])('a 404 of %s is not the word of a registry', async (type, body) => {
  await registry((_request, response) => reply(response, 404, body, { 'content-type': type }))
  const asked = [
    client.getManifest('a', '1'),
    client.headManifest('a', '1'),
    client.getBlob('a', digest, { maxBytes: 10 }),
    client.listTags('a').next(),
  ]
  for (const one of asked) await expect(one).rejects.toMatchObject({ code: 'bad-response' })
})

test('a 404 that the registry marks as its own is its word', async () => {
  const own = { 'content-type': 'text/plain', 'docker-distribution-api-version': 'registry/2.0' }
  await registry((_request, response) => reply(response, 404, 'gone', own))
  expect(await client.headManifest('a', '1')).toBeNull()
})

test('so it is where it comes as plain text with an error as the specification has it', async () => {
  await registry((_request, response) =>
    reply(response, 404, '{"errors":[{"code":"MANIFEST_UNKNOWN"}]}', { 'content-type': 'text/plain' }),
  )
  expect(await client.getManifest('a', '1')).toBeNull()
  expect(await client.headManifest('a', '1')).toBeNull()
})

describe('404', () => {
  test.each([
    ['as the specification has it', { errors: [{ code: 'MANIFEST_UNKNOWN' }] }],
    ['from a proxy, without a body of its own', '<h1>not found</h1>'],
  ])('%s is null', async (_, body) => {
    await registry((_request, response) => reply(response, 404, body))
    expect(await client.getManifest('a', '1')).toBeNull()
    expect(await client.headManifest('a', '1')).toBeNull()
    expect(await client.getBlob('a', digest, { maxBytes: 1 })).toBeNull()
    expect(await client.hasBlob('a', digest)).toBe(false)
    expect(await all(client.listTags('a'))).toEqual([])
  })

  test('of the catalog is an error: no list is not an empty one', async () => {
    await registry((_request, response) => reply(response, 404))
    await expect(all(client.listRepositories())).rejects.toMatchObject({ code: 'bad-response' })
  })
})

describe('an error', () => {
  test.each([
    [401, 'unauthorized', false],
    [403, 'unauthorized', false],
    [429, 'rate-limited', true],
    [500, 'registry-error', true],
    [502, 'registry-error', true],
    [400, 'bad-response', false],
    [418, 'bad-response', false],
    [302, 'bad-response', false],
  ] as const)('%i is %s, for every question', async (status, code, retryable) => {
    await registry((_request, response) =>
      reply(response, status, { errors: [{ code: 'DENIED', message: 'told so' }] }),
    )
    const asked = [
      () => client.getManifest('a', '1'),
      () => client.headManifest('a', '1'),
      () => client.getBlob('a', digest, { maxBytes: 1 }),
      () => client.hasBlob('a', digest),
      () => all(client.listTags('a')),
      () => all(client.listRepositories()),
      () => client.putManifest('a', '1', { bytes: manifest, mediaType: mediaTypes.ociIndex }),
      () => client.uploadBlob('a', digest, manifest),
    ]
    for (const ask of asked) await expect(ask()).rejects.toMatchObject({ code, retryable })
  })

  test('repeats what the registry says', async () => {
    await registry((_request, response) => reply(response, 403, { errors: [{ code: 'DENIED', message: 'told so' }] }))
    await expect(client.getManifest('a', '1')).rejects.toThrow(
      /\/v2\/a\/manifests\/1: the registry answered 403: DENIED told so$/,
    )
  })

  test('a web page where a manifest should be: bad-response', async () => {
    await registry((_request, response) =>
      reply(response, 200, '<html>log in', { 'content-type': 'text/html; charset=utf-8' }),
    )
    await expect(client.getManifest('a', '1')).rejects.toMatchObject({ code: 'bad-response' })
  })

  test('nobody there: unreachable, with the cause', async () => {
    await registry(() => undefined)
    await server.close()
    await expect(client.getManifest('a', '1')).rejects.toMatchObject({
      code: 'unreachable',
      retryable: true,
      cause: { code: 'ECONNREFUSED' },
    })
  })

  test('an answer that breaks off: unreachable', async () => {
    await registry((_request, response) => {
      response.writeHead(200, { ...type, 'content-length': '1000' }).write('{"half": ')
      response.socket?.destroySoon()
    })
    await expect(client.getManifest('a', '1')).rejects.toMatchObject({ code: 'unreachable' })
  })

  test('holds no password, wherever it is logged', async () => {
    await registry((_request, response) => response.destroy())
    client = makeClient({ url: new URL(server.url), policy: once, credentials: { username: 'u', password: 'secret' } })
    const error: unknown = await client.getManifest('a', '1').catch((thrown: unknown) => thrown)
    const seen = JSON.stringify(error, (_, value: unknown) =>
      value instanceof Error ? { ...value, cause: value.cause, message: value.message } : value,
    )
    expect(seen).toContain('unreachable')
    expect(seen).not.toMatch(/secret|authorization|dTpzZWNyZXQ/i)
  })
})

describe('names that would lead elsewhere', () => {
  test.each([
    ['../../admin', '1'],
    ['a/../b', '1'],
    ['a', '../../x'],
    ['a', '1?x=y'],
    ['', '1'],
  ])('%s %s are not asked for', async (repository, reference) => {
    await registry((_request, response) => reply(response, 200, manifest, type))
    await expect(client.getManifest(repository, reference)).rejects.toThrow(TypeError)
    expect(server.seen).toEqual([])
  })
})

test('a mount that is refused, for whatever reason, is false; an upload it began is ended', async () => {
  await registry(({ method }, response, { searchParams }) => {
    if (method === 'DELETE') return reply(response, 204)
    const from = searchParams.get('from')
    if (from === 'secret/one') return reply(response, 403)
    if (from === 'odd/one') return reply(response, 405)
    return reply(response, 202, '', { location: '/v2/a/blobs/uploads/7' })
  })
  for (const from of ['secret/one', 'odd/one', 'empty/one'])
    expect(await client.mountBlob('a', digest as Digest, from)).toBe(false)
  expect(server.seen.at(-1)).toMatchObject({ method: 'DELETE', path: '/v2/a/blobs/uploads/7' })
})

test('a mount that could not be asked for is an error; one whose upload cannot be ended is refused all the same', async () => {
  await registry(({ method }, response, { searchParams }) =>
    searchParams.get('from') === 'ill/one' || method === 'DELETE'
      ? reply(response, 500)
      : reply(response, 202, '', { location: '/v2/a/blobs/uploads/7' }),
  )
  await expect(client.mountBlob('a', digest, 'ill/one')).rejects.toMatchObject({ code: 'registry-error' })
  expect(await client.mountBlob('a', digest, 'empty/one')).toBe(false)
})

test('an upload that does not say where it goes on is a bad-response', async () => {
  await registry((_request, response) => reply(response, 202))
  await expect(client.uploadBlob('a', digest, manifest)).rejects.toMatchObject({ code: 'bad-response' })
})
