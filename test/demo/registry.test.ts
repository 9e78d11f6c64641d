import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { mediaTypes } from '../../src/oci/media-type.ts'
import { digestOf } from '../../src/registry/check-digest.ts'
import { type EventReceiver, type ReceivedEvent, receiveEvents } from '../support/event-receiver.ts'
import { pushImage, startSmall, type TestRegistry } from '../support/registry.ts'

/** What the small registry does beyond the contract it shares with Distribution 2.8 (test/contract/registry-suite.ts). */
let registry: TestRegistry
let receiver: EventReceiver

beforeAll(async () => {
  receiver = await receiveEvents()
  registry = await startSmall({ endpoints: [{ url: receiver.url, token: 'secret' }] })
})
afterAll(async () => {
  await registry.close()
  await receiver.close()
})

const ask = (path: string, init: RequestInit = {}) => fetch(new URL(path, registry.url), init)
const code = async (response: Response) => {
  const { errors } = (await response.json()) as { errors: { code: string }[] }
  return [response.status, errors[0]!.code]
}

test('says which protocol it speaks', async () => {
  const response = await ask('/v2/')
  expect([response.status, response.headers.get('docker-distribution-api-version')]).toEqual([200, 'registry/2.0'])
})

describe('an upload', () => {
  const bytes = Buffer.from('0123456789')
  const start = async () => (await ask('/v2/up/blobs/uploads/', { method: 'POST' })).headers.get('location')!
  const patch = (at: string, body: Buffer, range?: string) =>
    ask(at, { method: 'PATCH', body: new Uint8Array(body), headers: range ? { 'content-range': range } : {} })

  test('tells how far it is, and refuses a chunk that begins elsewhere', async () => {
    const at = await start()
    expect((await patch(at, bytes.subarray(0, 4), '0-3')).status).toBe(202)
    expect(await code(await patch(at, bytes.subarray(6), '6-9'))).toEqual([416, 'RANGE_INVALID'])
    const status = await ask(at)
    expect([status.status, status.headers.get('range')]).toEqual([204, '0-3'])
  })

  test('takes chunks without a range, and the last one with its digest', async () => {
    const at = await start()
    await patch(at, bytes.subarray(0, 4))
    const body = new Uint8Array(bytes.subarray(4))
    const done = await ask(`${at}?digest=${digestOf(bytes)}`, { method: 'PUT', body })
    expect([done.status, done.headers.get('docker-content-digest')]).toEqual([201, digestOf(bytes)])
    expect(await registry.client.getBlob('up', digestOf(bytes), { maxBytes: 10 })).toEqual(bytes)
  })

  test('goes in one POST', async () => {
    const body = Buffer.from('at once')
    const done = await ask(`/v2/once/blobs/uploads/?digest=${digestOf(body)}`, {
      method: 'POST',
      body: new Uint8Array(body),
    })
    expect(done.status).toBe(201)
    expect(await registry.client.hasBlob('once', digestOf(body))).toBe(true)
  })

  test('that was ended, or belongs to another repository, is unknown', async () => {
    const at = await start()
    expect(await code(await ask(at.replace('/up/', '/other/')))).toEqual([404, 'BLOB_UPLOAD_UNKNOWN'])
    expect((await ask(at, { method: 'DELETE' })).status).toBe(204)
    expect(await code(await ask(at))).toEqual([404, 'BLOB_UPLOAD_UNKNOWN'])
  })
})

describe('a manifest', () => {
  const put = (reference: string, body: string, type: string) =>
    ask(`/v2/man/manifests/${reference}`, { method: 'PUT', body, headers: { 'content-type': type } })
  const empty = JSON.stringify({ schemaVersion: 2, manifests: [] })

  test.each([
    ['over 4 MiB', 'x'.repeat(4 * 1024 * 1024 + 1), mediaTypes.ociManifest],
    ['of a type we do not know', '{"schemaVersion": 2}', 'application/json'],
    [
      'of another type than its header says',
      JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.dockerIndex, manifests: [] }),
      mediaTypes.ociIndex,
    ],
    [
      'that is an index and an image at once',
      JSON.stringify({
        schemaVersion: 2,
        manifests: [],
        config: { mediaType: 'x', size: 1, digest: digestOf(Buffer.from('')) },
      }),
      mediaTypes.ociIndex,
    ],
    ['without a config', '{"schemaVersion": 2}', mediaTypes.ociManifest],
  ])('%s is refused', async (_, body, type) => {
    expect(await code(await put('1', body, type))).toEqual([400, 'MANIFEST_INVALID'])
  })

  test('under a digest that is not its own is refused', async () => {
    expect(await code(await put(digestOf(Buffer.from('x')), empty, mediaTypes.ociIndex))).toEqual([
      400,
      'DIGEST_INVALID',
    ])
  })

  test('goes to those who accept it', async () => {
    await put('accept', empty, mediaTypes.ociIndex)
    const get = (accept: string) => ask('/v2/man/manifests/accept', { headers: { accept } })
    expect((await get('*/*')).headers.get('content-type')).toBe(mediaTypes.ociIndex)
    expect((await get(`text/html, ${mediaTypes.ociIndex};q=0.5`)).status).toBe(200)
    expect(await code(await get(mediaTypes.dockerManifest))).toEqual([404, 'MANIFEST_UNKNOWN'])
  })

  test('may point at a layer that is fetched from elsewhere', async () => {
    const { configDigest } = await pushImage(registry.client, { repository: 'man', tag: 'plain', layers: ['x'] })
    const foreign = {
      mediaType: mediaTypes.ociLayer,
      size: 1,
      digest: digestOf(Buffer.from('far')),
      urls: ['https://x'],
    }
    const config = { mediaType: mediaTypes.ociConfig, size: 1, digest: configDigest }
    const body = JSON.stringify({ schemaVersion: 2, config, layers: [foreign] })
    expect((await put('foreign', body, mediaTypes.ociManifest)).status).toBe(201)
  })
})

describe('lists', () => {
  test('are cut as asked, and say where the next part is', async () => {
    for (const tag of ['c', 'a', 'd', 'b']) await pushImage(registry.client, { repository: 'tags', tag, layers: ['x'] })
    const page = async (path: string) => {
      const response = await ask(path)
      return [((await response.json()) as { tags: string[] }).tags, response.headers.get('link')]
    }
    expect(await page('/v2/tags/tags/list?n=3')).toEqual([
      ['a', 'b', 'c'],
      '</v2/tags/tags/list?n=3&last=c>; rel="next"',
    ])
    expect(await page('/v2/tags/tags/list?n=3&last=c')).toEqual([['d'], null])
    expect(await page('/v2/tags/tags/list?n=4')).toEqual([['a', 'b', 'c', 'd'], null])
  })

  test.each(['-1', 'x', '1.5'])('n=%s is refused', async (n) => {
    expect(await code(await ask(`/v2/_catalog?n=${n}`))).toEqual([400, 'PAGINATION_NUMBER_INVALID'])
  })
})

test.each([
  ['GET', '/v2/a/b', 404, 'NAME_UNKNOWN'],
  ['GET', '/elsewhere', 404, 'NAME_UNKNOWN'],
  ['GET', '/v2/Upper/tags/list', 400, 'NAME_INVALID'],
  ['GET', '/v2/a/blobs/sha256:1', 400, 'DIGEST_INVALID'],
  ['POST', '/v2/a/manifests/1', 405, 'UNSUPPORTED'],
])('%s %s is %i %s', async (method, path, status, name) => {
  expect(await code(await ask(path, { method }))).toEqual([status, name])
})

describe('notifications', () => {
  const of = (events: ReceivedEvent[], repository: string) =>
    events.filter((one) => one.target.repository === repository)

  test('name what a manifest points at', async () => {
    const pushed = await pushImage(registry.client, { repository: 'refs', tag: '1', layers: ['x'] })
    const events = await receiver.until((all) => of(all, 'refs').length >= 3)
    expect(of(events, 'refs').at(-1)!.target.references).toEqual([
      expect.objectContaining({ digest: pushed.configDigest, mediaType: mediaTypes.ociConfig }),
      expect.objectContaining({ digest: pushed.layers[0]!.digest, mediaType: mediaTypes.ociLayer }),
    ])
  })

  test('of a deleted tag carry the tag and an empty digest, as Distribution 3.1 has it; the digest and other tags stay', async () => {
    const { manifestDigest } = await pushImage(registry.client, { repository: 'untag', tag: '1', layers: ['x'] })
    await registry.client.putManifest('untag', '2', (await registry.client.getManifest('untag', '1'))!)
    expect((await ask('/v2/untag/manifests/1', { method: 'DELETE' })).status).toBe(202)
    const events = await receiver.until((all) => of(all, 'untag').some((event) => event.action === 'delete'))
    expect(of(events, 'untag').at(-1)!.target).toEqual({
      repository: 'untag',
      tag: '1',
      digest: '',
      mediaType: '',
      size: 0,
    })
    expect((await registry.client.headManifest('untag', '2'))?.digest).toBe(manifestDigest)
  })

  test('go to every endpoint, and one that refuses does not hold up another', async () => {
    const deaf = await receiveEvents(() => 503)
    const keen = await receiveEvents()
    const own = await startSmall({ endpoints: [deaf, keen].map(({ url }) => ({ url, token: 't' })) })
    try {
      await pushImage(own.client, { repository: 'both', tag: '1', layers: ['x'] })
      const events = await keen.until((all) => all.length === 3)
      await deaf.until((all) => all.length >= 1)
      expect(events.at(-1)!.target.tag).toBe('1')
      expect(new Set(deaf.events().map((event) => event.id))).toEqual(new Set([events[0]!.id]))
    } finally {
      await own.close()
      await deaf.close()
      await keen.close()
    }
  })
})
