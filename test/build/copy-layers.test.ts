import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { copyLayers } from '../../src/build/copy-layers.ts'
import type { LayerDescriptor } from '../../src/build/rebase-merge.ts'
import type { Digest } from '../../src/oci/digest.ts'
import { mediaTypes } from '../../src/oci/media-type.ts'
import { digestOf } from '../../src/registry/check-digest.ts'
import { makeClient, type RegistryClient } from '../../src/registry/client.ts'
import { type DebianRegistry, startDebianRegistry } from '../support/registry.ts'
import { type Fate, type RegistryProxy, registryProxy } from '../support/registry-proxy.ts'
import { requires } from '../support/requires.ts'

const mebibyte = 1024 * 1024
const large = 300

/** A layer of so many MiB, made as it is read. */
function generated(mebibytes: number) {
  const piece = (i: number) => Buffer.alloc(mebibyte, `layer ${i} `)
  const hash = createHash('sha256')
  for (let i = 0; i < mebibytes; i++) hash.update(piece(i))
  const digest = `sha256:${hash.digest('hex')}` as Digest
  const open = async () =>
    (async function* () {
      for (let i = 0; i < mebibytes; i++) yield piece(i)
    })()
  const layer: LayerDescriptor = { mediaType: mediaTypes.ociLayer, digest, size: mebibytes * mebibyte }
  return { layer, open }
}

/** The most bytes of buffers that were alive at once while work was done, beside those of its beginning. */
async function peakOf(work: () => Promise<void>): Promise<number> {
  const before = process.memoryUsage().arrayBuffers
  let most = 0
  const look = setInterval(() => {
    most = Math.max(most, process.memoryUsage().arrayBuffers - before)
  }, 5)
  await work().finally(() => clearInterval(look))
  return most
}

requires('docker-registry')('layers that no registry can mount', () => {
  let from: DebianRegistry
  let to: DebianRegistry
  let way: RegistryProxy
  let there: RegistryProxy
  let source: RegistryClient
  let target: RegistryClient
  const policy = { attempts: 3, firstPause: 1, longestPause: 2, longestRetryAfter: 10 }
  const never = new AbortController().signal

  beforeAll(async () => {
    from = await startDebianRegistry()
    to = await startDebianRegistry()
    way = await registryProxy(from.port)
    there = await registryProxy(to.port)
    source = makeClient({ url: new URL(way.url), policy })
    target = makeClient({ url: new URL(there.url), policy })
  })
  afterAll(async () => {
    source.close()
    target.close()
    await way.close()
    await there.close()
    await from.close()
    await to.close()
  })

  const copy = (layer: LayerDescriptor, repository: string, signal = never) =>
    copyLayers(
      [layer],
      { host: from.host, client: source, repository: 'lib/base' },
      { host: to.host, client: target, repository },
      signal,
    )
  const put = async (mebibytes: number) => {
    const { layer, open } = generated(mebibytes)
    await from.client.uploadBlob('lib/base', layer.digest, { size: layer.size, open })
    return layer
  }
  /** Once, where a request fits; then all goes through. */
  const once = (wanted: RegExp, fate: Fate) => {
    let left = 1
    return ({ method, path }: { method: string; path: string }): Fate =>
      wanted.test(`${method} ${path}`) && left-- > 0 ? fate : 'through'
  }

  it('go from one registry to another without ever being in memory as a whole', async () => {
    const layer = await put(large)
    const peak = await peakOf(() => copy(layer, 'app/large'))
    expect(await to.client.hasBlob('app/large', layer.digest)).toBe(true)
    expect(peak).toBeLessThan(large * mebibyte)
  })

  it('begin anew where either side breaks off, and are whole at the end', async () => {
    const layer = await put(3)
    way.fate = once(/^GET .*\/blobs\//, 'cut')
    there.fate = once(/^PUT /, { status: 503 })
    await copy(layer, 'app/again')
    way.fate = there.fate = () => 'through'
    expect((await to.client.getBlob('app/again', layer.digest, { maxBytes: layer.size }))?.length).toBe(layer.size)
  })

  it('end at once when they are cancelled, however silent a registry is', async () => {
    const layer = await put(2)
    for (const [proxy, wanted] of [
      [way, /^GET .*\/blobs\//],
      [there, /^PUT /],
    ] as const) {
      const stop = new AbortController()
      const asked = new Promise<void>((resolve) => {
        proxy.fate = ({ method, path }) => {
          if (!wanted.test(`${method} ${path}`)) return 'through'
          resolve()
          return 'silence'
        }
      })
      const copied = copy(layer, 'app/never', stop.signal)
      copied.catch(() => undefined)
      await asked
      stop.abort(new Error('cancelled'))
      await expect(copied).rejects.toThrow('cancelled')
      proxy.fate = () => 'through'
    }
    expect(await to.client.hasBlob('app/never', layer.digest)).toBe(false)
  })

  describe('are not carried over', () => {
    it('where they are there already, or may not be copied', async () => {
      const layer = await put(1)
      await copy(layer, 'app/known')
      way.seen.length = 0
      await copy(layer, 'app/known')
      await copy({ ...layer, mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip' }, 'app/foreign')
      expect(way.seen).toEqual([])
    })

    it('where the source has none, or lets nobody read them', async () => {
      const absent: LayerDescriptor = { mediaType: mediaTypes.ociLayer, digest: digestOf(Buffer.from('none')), size: 4 }
      await expect(copy(absent, 'app/absent')).rejects.toMatchObject({ code: 'base-absent', retryable: false })
      way.fate = () => ({ status: 403 })
      await expect(copy(absent, 'app/denied')).rejects.toMatchObject({ code: 'base-denied', retryable: false })
      way.fate = () => 'through'
    })

    it('where what comes is not what its digest says, whatever its length', async () => {
      const layer = await put(1)
      for (const body of ['x', 'x'.repeat(mebibyte), 'x'.repeat(mebibyte + 1)]) {
        way.fate = () => ({ status: 200, body })
        await expect(copy(layer, 'app/wrong')).rejects.toMatchObject({ code: 'digest-mismatch' })
      }
      way.fate = () => 'through'
      expect(await to.client.hasBlob('app/wrong', layer.digest)).toBe(false)
    })
  })

  it('in one registry that will not mount: also many at once, more than may be asked at a time', async () => {
    const narrow = makeClient({ url: new URL(way.url), policy, width: 2 })
    const place = (repository: string) => ({ host: from.host, client: narrow, repository })
    const layers = [await put(1), await put(2), await put(3), await put(4)]
    way.fate = ({ path }) => (path.includes('mount=') ? { status: 403 } : 'through')
    await Promise.all(
      layers.map((layer, i) => copyLayers([layer], place('lib/base'), place(`app/unmounted-${i}`), never)),
    )
    way.fate = () => 'through'
    for (const [i, layer] of layers.entries())
      expect(await from.client.hasBlob(`app/unmounted-${i}`, layer.digest)).toBe(true)
    narrow.close()
  })
})
