import { afterEach, describe, expect, test } from '@jest/globals'
import type { Digest } from '../../src/oci/digest.ts'
import { mediaTypes } from '../../src/oci/media-type.ts'
import { digestOf } from '../../src/registry/check-digest.ts'
import { makeClient, type RegistryClient } from '../../src/registry/client.ts'
import { type Handler, reply, serveHttp } from '../support/http-server.ts'
import { pushImage } from '../support/push.ts'
import { startDebianRegistry, startSmall, type TestRegistry } from '../support/registry.ts'
import { requires } from '../support/requires.ts'

const digest = `sha256:${'a'.repeat(64)}` as Digest
const closers: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function registry(handler: Handler) {
  const server = await serveHttp(handler)
  const policy = { attempts: 2, firstPause: 1, longestPause: 1, longestRetryAfter: 1 }
  const client = makeClient({ url: new URL(server.url), policy })
  closers.push(server.close, client.close)
  return { client, asked: () => server.seen.map(({ path }) => path) }
}

/** An artifact manifest that refers to `subject`. */
async function refer(client: RegistryClient, repository: string, subject: Digest, artifactType: string) {
  const { configDigest } = await pushImage(client, { repository, layers: [] })
  const body = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    artifactType,
    config: {
      mediaType: mediaTypes.ociConfig,
      digest: configDigest,
      size: await sizeOf(client, repository, configDigest),
    },
    layers: [],
    subject: { mediaType: mediaTypes.ociManifest, digest: subject, size: 1 },
    annotations: { a: 'b' },
  }
  const bytes = Buffer.from(JSON.stringify(body))
  return client.putManifest(repository, digestOf(bytes), { bytes, mediaType: mediaTypes.ociManifest })
}
const sizeOf = async (client: RegistryClient, repository: string, blob: Digest) =>
  (await client.getBlob(repository, blob, { maxBytes: 10_000 }))!.length

describe('of a registry that has the API', () => {
  test('what refers to a digest, page after page, and nothing where nothing does', async () => {
    const small = await startSmall({ referrers: true })
    closers.push(small.close)
    const { client } = small
    const pushed: string[] = []
    for (let i = 0; i < 60; i++) pushed.push(await refer(client, 'lib/a', digest, `application/vnd.test.${i}`))
    const found = (await client.listReferrers('lib/a', digest))!
    expect(found.map((d) => d.digest).sort()).toEqual(pushed.sort())
    expect(found.map((d) => d.artifactType)).toContain('application/vnd.test.7')
    expect(found[0]?.annotations).toEqual({ a: 'b' })
    expect(await client.listReferrers('lib/a', `sha256:${'b'.repeat(64)}` as Digest)).toEqual([])
  })
})

describe('of a registry without it', () => {
  const isNull = async (start: () => Promise<TestRegistry>) => {
    const { client, close } = await start()
    closers.push(close)
    const { manifestDigest } = await pushImage(client, { repository: 'lib/a', tag: '1', layers: ['a'] })
    expect(await client.listReferrers('lib/a', manifestDigest)).toBeNull()
  }
  test('null of our small one', () => isNull(startSmall))
  requires('docker-registry')('Distribution 2.8', () => {
    test('null', () => isNull(startDebianRegistry))
  })

  test('null; it is asked once, however many ask at once', async () => {
    const { client, asked } = await registry((_, response) => reply(response, 404, '404 page not found'))
    const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => client.listReferrers(`lib/a${i}`, digest)))
    expect(answers).toEqual(Array(20).fill(null))
    expect(await client.listReferrers('lib/other', digest)).toBeNull()
    expect(asked()).toHaveLength(1)
  })

  test.each([
    ['forbids it', 403, ''],
    ['does not understand it', 400, ''],
    ['breaks on it', 500, ''],
    ['answers a web page', 200, '<html></html>'],
    ['answers another JSON', 200, '{"errors":[]}'],
  ])('null where it %s, and it is left alone for a while', async (_, status, body) => {
    const { client, asked } = await registry((__, response) => reply(response, status, body))
    expect(await client.listReferrers('lib/a', digest)).toBeNull()
    const before = asked().length
    expect(await client.listReferrers('lib/a', digest)).toBeNull()
    expect(asked()).toHaveLength(before)
  })

  test('what may pass is thrown, and does not decide', async () => {
    let busy = true
    const { client } = await registry((_, response) =>
      busy ? reply(response, 429) : reply(response, 200, { schemaVersion: 2, manifests: [] }),
    )
    await expect(client.listReferrers('lib/a', digest)).rejects.toMatchObject({ code: 'rate-limited' })
    busy = false
    expect(await client.listReferrers('lib/a', digest)).toEqual([])
  })
})
