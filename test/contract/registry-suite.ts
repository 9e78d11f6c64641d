import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Digest } from '../../src/oci/digest.ts'
import { mediaTypes } from '../../src/oci/media-type.ts'
import { digestOf } from '../../src/registry/check-digest.ts'
import type { RegistryClient } from '../../src/registry/client.ts'
import { all } from '../support/all.ts'
import { type EventReceiver, receiveEvents } from '../support/event-receiver.ts'
import { pushImage, pushIndex, pushManifest, type TestRegistry, type TestRegistryOptions } from '../support/registry.ts'
import { notificationsSuite } from './registry-notifications-suite.ts'

const absent = `sha256:${'0'.repeat(64)}` as Digest

/** What the client and the tests rely on in any registry that notifies. Run on our small one and on Distribution. */
export function registrySuite(start: (options: TestRegistryOptions) => Promise<TestRegistry>): void {
  let registry: TestRegistry
  let client: RegistryClient
  let receiver: EventReceiver

  beforeAll(async () => {
    receiver = await receiveEvents()
    registry = await start({ endpoints: [{ url: receiver.url, token: 'secret' }] })
    client = registry.client
  })
  afterAll(async () => {
    await registry.close()
    await receiver.close()
  })

  describe('manifests', () => {
    test('come back byte for byte by tag and by digest, with media type, digest and date', async () => {
      const pushed = await pushImage(client, { repository: 'lib/base', tag: '1', layers: ['a', 'b'] })
      const byTag = await client.getManifest('lib/base', '1')
      const byDigest = await client.getManifest('lib/base', pushed.manifestDigest)
      expect(byTag).toMatchObject({ digest: pushed.manifestDigest, mediaType: mediaTypes.ociManifest })
      expect(digestOf(byTag!.bytes)).toBe(pushed.manifestDigest)
      expect(byDigest!.bytes.equals(byTag!.bytes)).toBe(true)
      expect(Math.abs(byTag!.date!.getTime() - Date.now())).toBeLessThan(600_000)
      const head = await client.headManifest('lib/base', '1')
      expect(head).toMatchObject({ digest: pushed.manifestDigest, mediaType: mediaTypes.ociManifest })
      expect(await client.headManifest('lib/base', pushed.manifestDigest)).toMatchObject({
        digest: pushed.manifestDigest,
      })
    })

    test.each([
      ['a tag that is not there', 'lib/base', 'nope'],
      ['a digest that is not there', 'lib/base', absent],
      ['a repository that is not there', 'no/such', '1'],
    ])('%s is null', async (_, repository, reference) => {
      expect(await client.getManifest(repository, reference)).toBeNull()
      expect(await client.headManifest(repository, reference)).toBeNull()
    })

    test('Docker ones keep their media type, an index its entries, in either form', async () => {
      const repository = 'lib/multi'
      const amd64 = await pushImage(client, { repository, layers: ['x'], format: 'docker' })
      const arm64 = await pushImage(client, {
        repository,
        layers: ['y'],
        format: 'docker',
        platform: { os: 'linux', architecture: 'arm64', variant: 'v8' },
      })
      expect(await client.headManifest(repository, amd64.manifestDigest)).toMatchObject({
        mediaType: mediaTypes.dockerManifest,
      })
      for (const format of ['oci', 'docker'] as const) {
        const digest = await pushIndex(client, { repository, tag: format, manifests: [amd64, arm64], format })
        const found = await client.getManifest(repository, format)
        expect(found).toMatchObject({
          digest,
          mediaType: format === 'oci' ? mediaTypes.ociIndex : mediaTypes.dockerIndex,
        })
        const { manifests } = JSON.parse(found!.bytes.toString()) as { manifests: { digest: string }[] }
        expect(manifests.map((entry) => entry.digest)).toEqual([amd64.manifestDigest, arm64.manifestDigest])
      }
    })

    test('a tag moves with the next push; what it left stays under its digest', async () => {
      const first = await pushImage(client, { repository: 'lib/moving', tag: '1', layers: ['one'] })
      const second = await pushImage(client, { repository: 'lib/moving', tag: '1', layers: ['two'] })
      expect((await client.headManifest('lib/moving', '1'))?.digest).toBe(second.manifestDigest)
      expect((await client.headManifest('lib/moving', first.manifestDigest))?.digest).toBe(first.manifestDigest)
    })

    test.each([
      ['no JSON', Buffer.from('not a manifest')],
      [
        'a config that was never pushed',
        { config: { mediaType: mediaTypes.ociConfig, size: 2, digest: absent }, layers: [] },
      ],
    ])('%s is refused', async (_, body) => {
      const manifest = Buffer.isBuffer(body) ? body : { schemaVersion: 2, mediaType: mediaTypes.ociManifest, ...body }
      await expect(pushManifest(client, 'lib/bad', '1', manifest, mediaTypes.ociManifest)).rejects.toMatchObject({
        code: 'bad-response',
        message: expect.stringMatching(/MANIFEST/),
      })
    })

    test('an index whose entry is not in its repository is refused', async () => {
      const elsewhere = await pushImage(client, { repository: 'lib/elsewhere', layers: ['z'] })
      const pushed = pushIndex(client, { repository: 'lib/alone', tag: '1', manifests: [elsewhere] })
      await expect(pushed).rejects.toMatchObject({ code: 'bad-response' })
    })
  })

  describe('blobs', () => {
    const bytes = Buffer.from('some bytes')
    const digest = digestOf(bytes)

    test('come back as they were pushed, and only in their repository', async () => {
      expect(await client.hasBlob('blobs/here', digest)).toBe(false)
      await client.uploadBlob('blobs/here', digest, bytes)
      expect(await client.hasBlob('blobs/here', digest)).toBe(true)
      expect(await client.getBlob('blobs/here', digest, { maxBytes: 100 })).toEqual(bytes)
      expect(await client.getBlob('blobs/there', digest, { maxBytes: 100 })).toBeNull()
    })

    test('are mounted from a repository that has them, and not from one that has not', async () => {
      await client.uploadBlob('blobs/here', digest, bytes)
      expect(await client.mountBlob('blobs/mounted', digest, 'blobs/here')).toBe(true)
      expect(await client.getBlob('blobs/mounted', digest, { maxBytes: 100 })).toEqual(bytes)
      expect(await client.mountBlob('blobs/mounted', absent, 'blobs/here')).toBe(false)
    })

    test('the empty one and one of a few MiB go through', async () => {
      for (const content of [Buffer.alloc(0), Buffer.alloc(5 * 1024 * 1024 + 1, 'drydock')]) {
        await client.uploadBlob('blobs/sizes', digestOf(content), content)
        const found = await client.getBlob('blobs/sizes', digestOf(content), { maxBytes: content.length })
        expect(found?.equals(content)).toBe(true)
      }
    })

    test('come in chunks too, each where the last one ended', async () => {
      const start = await fetch(`${registry.url}/v2/blobs/chunks/blobs/uploads/`, { method: 'POST' })
      const chunk = async (at: string, from: number, to: number) =>
        fetch(new URL(at, registry.url), {
          method: 'PATCH',
          body: bytes.subarray(from, to),
          headers: { 'content-range': `${from}-${to - 1}`, 'content-type': 'application/octet-stream' },
        })
      const one = await chunk(start.headers.get('location')!, 0, 4)
      expect([one.status, one.headers.get('range')]).toEqual([202, '0-3'])
      const two = await chunk(one.headers.get('location')!, 4, bytes.length)
      const end = new URL(two.headers.get('location')!, registry.url)
      end.searchParams.set('digest', digest)
      expect((await fetch(end, { method: 'PUT' })).status).toBe(201)
      expect(await client.getBlob('blobs/chunks', digest, { maxBytes: 100 })).toEqual(bytes)
    })

    test('bytes that are not what their digest says are refused', async () => {
      const start = await fetch(`${registry.url}/v2/blobs/wrong/blobs/uploads/`, { method: 'POST' })
      const end = new URL(start.headers.get('location')!, registry.url)
      end.searchParams.set('digest', absent)
      const refused = await fetch(end, { method: 'PUT', body: bytes })
      expect(refused.status).toBe(400)
      expect(await refused.json()).toMatchObject({ errors: [{ code: 'DIGEST_INVALID' }] })
      await expect(client.uploadBlob('blobs/wrong', absent, bytes)).rejects.toMatchObject({ code: 'digest-mismatch' })
    })
  })

  describe('lists', () => {
    test('tags of a repository, all of them; none of one that is not there', async () => {
      const image = await pushImage(client, { repository: 'lists/tags', tag: 'v0', layers: ['t'] })
      const manifest = (await client.getManifest('lists/tags', image.manifestDigest))!
      const names = Array.from({ length: 30 }, (_, i) => `v${i}`)
      for (const name of names) await client.putManifest('lists/tags', name, manifest)
      expect((await all(client.listTags('lists/tags'))).sort()).toEqual([...names].sort())
      expect(await all(client.listTags('no/such'))).toEqual([])
    })

    test('repositories, a page at a time where asked so', async () => {
      const names = Array.from({ length: 7 }, (_, i) => `lists/r${i}`)
      for (const repository of names) await pushImage(client, { repository, tag: '1', layers: ['r'] })
      const listed = await all(client.listRepositories())
      expect(listed).toEqual(expect.arrayContaining(names))
      expect(listed).toEqual([...listed].sort())
      const page = await fetch(`${registry.url}/v2/_catalog?n=2`)
      expect(((await page.json()) as { repositories: string[] }).repositories).toEqual(listed.slice(0, 2))
      expect(page.headers.get('link')).toMatch(/^<[^>]*last=[^>]*>; rel="next"$/)
    })
  })

  notificationsSuite(start, () => ({ registry, receiver }))
}
