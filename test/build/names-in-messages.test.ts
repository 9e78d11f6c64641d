import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import pino from 'pino'
import { vocabularyOf, withhold } from '../../src/access/withhold.ts'
import { describeError } from '../../src/build/build-error.ts'
import { copyLayers } from '../../src/build/copy-layers.ts'
import { ownManifest } from '../../src/build/own-manifest.ts'
import { type Place, readLayered } from '../../src/build/read-layered.ts'
import { readChild } from '../../src/build/rebase-child.ts'
import { resolveBases } from '../../src/build/resolve-bases.ts'
import type { Digest } from '../../src/oci/digest.ts'
import { mediaTypes } from '../../src/oci/media-type.ts'
import type { Platform } from '../../src/oci/platform.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { digestOf } from '../../src/registry/check-digest.ts'
import { makeRegistries, type Registries } from '../../src/registry/registries.ts'
import type { PushedImage } from '../support/push.ts'
import { pushImage, pushIndex, pushManifest, startSmall, type TestRegistry } from '../support/registry.ts'
import { type RegistryProxy, registryProxy } from '../support/registry-proxy.ts'

const nowhere = `sha256:${'e'.repeat(64)}` as Digest
const amd64 = 'linux/amd64' as Platform
const repository = 'hush/topsecret'

/** Names are withheld by their hosts: so a message that names a repository of ours names it with its host. */
describe('a message that names a repository', () => {
  let registry: TestRegistry
  let proxy: RegistryProxy
  let registries: Registries
  let image: PushedImage
  let index: Digest
  let place: Place
  const signal = AbortSignal.timeout(300_000)
  beforeAll(async () => {
    registry = await startSmall()
    proxy = await registryProxy(registry.port)
    const config = { name: registry.host, url: proxy.url, username: null, password: null, insecure: false }
    registries = makeRegistries([config], pino({ level: 'silent' }))
    place = { host: registry.host, repository, client: registries.byName(registry.host)! }
    image = await pushImage(registry.client, { repository, tag: '1', layers: ['a'] })
    index = await pushIndex(registry.client, { repository, tag: 'many', manifests: [image] })
  })
  afterAll(async () => {
    registries.close()
    await proxy.close()
    await registry.close()
  })

  /** As somebody reads it who may not read `hush`. */
  const strangers = (message: string): string => {
    const words = vocabularyOf([[registry.host, new URL(proxy.url).host]])
    return withhold(message, words, (key) => key === 'hush')
  }
  const layered = (reference: string, wanted: Platform | null = null) =>
    readLayered(place, reference, { wanted, absent: 'base-absent', signal })
  const own = (digest: string, platform = amd64) =>
    ownManifest(place.client, parseReference(`${registry.host}/${repository}:1`)!, digest as Digest, platform, signal)
  const put = async (tag: string, body: object, mediaType: string): Promise<Digest> =>
    pushManifest(registry.client, repository, tag, body, mediaType)
  const blob = async (body: object): Promise<{ mediaType: string; digest: Digest; size: number }> => {
    const bytes = Buffer.from(JSON.stringify(body))
    const digest = digestOf(bytes)
    await registry.client.uploadBlob(repository, digest, bytes)
    return { mediaType: mediaTypes.ociConfig, digest, size: bytes.length }
  }
  const odd = async (config: object): Promise<Digest> => {
    const body = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config: await blob(config), layers: [] }
    return put('odd', body, mediaTypes.ociManifest)
  }
  /** What the registry holds is gone from the moment on that it is asked for it. */
  const without = async <T>(path: RegExp, work: () => Promise<T>): Promise<T> => {
    const body = JSON.stringify({ errors: [{ code: 'NAME_UNKNOWN' }] })
    proxy.fate = (asked) => (path.test(asked.path) ? { status: 404, body } : 'through')
    return work().finally(() => {
      proxy.fate = () => 'through'
    })
  }
  const resolve = (name: string) =>
    resolveBases(
      {
        ...{ d: { registries }, given: [], platform: 'linux/amd64', isShared: true, signal },
        registries: { client: async (reference) => registries.byName(reference.host) },
        pullByName: async () => nowhere,
      },
      [
        {
          ...{ reference: parseReference(`${registry.host}/${repository}${name}`)!, role: 'runtime', counts: true },
          ...{ stage: 0, platform: null, start: 0, end: 0 },
        },
      ],
    )

  const cases: [of: string, code: string, work: () => Promise<unknown>][] = [
    ['a base that is absent, by tag', 'base-absent', () => layered('9')],
    ['a base that is absent, by digest', 'base-absent', () => layered(nowhere)],
    ['a platform that is absent', 'platform-absent', () => layered('many', 'linux/s390x' as Platform)],
    [
      'no image manifest',
      'config-unreadable',
      async () => {
        const body = {
          schemaVersion: 2,
          mediaType: mediaTypes.ociManifest,
          config: await blob({}),
          layers: [{ digest: 'x' }],
        }
        proxy.fate = ({ path }) =>
          /manifests\/torn/.test(path) ? { status: 200, body: JSON.stringify(body) } : 'through'
        return layered('torn').finally(() => {
          proxy.fate = () => 'through'
        })
      },
    ],
    [
      'a config of too many layers',
      'config-unreadable',
      async () =>
        layered(await odd({ os: 'linux', architecture: 'amd64', rootfs: { type: 'layers', diff_ids: ['sha256:1'] } })),
    ],
    ['a config that is none', 'config-unreadable', async () => layered(await odd({ nothing: 'of a config' }))],
    ['a config that is absent', 'config-unreadable', () => without(/blobs/, () => layered(image.manifestDigest))],
    [
      'a layer that is absent',
      'base-absent',
      () =>
        copyLayers(
          [{ mediaType: mediaTypes.ociLayer, digest: nowhere, size: 3 }],
          place,
          { ...place, client: registry.client, repository: 'plaza/run' },
          signal,
        ),
    ],
    ['a tag that is absent', 'tag-absent', () => readChild({ ...place, tag: '9' }, [], signal)],
    ['no manifest of the platform', 'platform-absent', () => own(index, 'linux/s390x' as Platform)],
    ['an entry that is absent', 'base-absent', () => without(new RegExp(image.manifestDigest), () => own(index))],
    [
      'a config that is absent, read for triggers',
      'base-absent',
      () => without(/blobs/, () => own(image.manifestDigest)),
    ],
    [
      'index and manifest at once',
      'base-invalid',
      () => {
        const body = JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociManifest, manifests: [] })
        const headers = { 'content-type': mediaTypes.ociManifest }
        proxy.fate = () => ({ status: 200, headers, body })
        return own(digestOf(Buffer.from(body))).finally(() => {
          proxy.fate = () => 'through'
        })
      },
    ],
    ['a base that is absent, in a Dockerfile', 'base-absent', () => resolve(':9')],
    ['the same by digest', 'base-absent', () => resolve(`@${nowhere}`)],
    [
      'a push of what it is not',
      'digest-mismatch',
      () => place.client.uploadBlob(repository, nowhere, Buffer.from('x')),
    ],
    [
      'a manifest that it is not',
      'digest-mismatch',
      () =>
        place.client.putManifest(repository, nowhere, { bytes: Buffer.from('{}'), mediaType: mediaTypes.ociManifest }),
    ],
  ]
  it.each(cases)('names it with its host: %s', async (_, code, work) => {
    const failure = await work().then(() => null, describeError)
    expect(failure).toMatchObject({ code, message: expect.stringContaining(repository) })
    expect(strangers(failure!.message)).toContain('(withheld)')
    expect(strangers(failure!.message)).not.toContain('hush')
  })

  it('does so wherever it is written', () => {
    const root = join(import.meta.dirname, '..', '..')
    const bare = globSync(['src/build/**/*.ts', 'src/registry/**/*.ts'], { cwd: root }).flatMap((file) => {
      const lines = readFileSync(join(root, file), 'utf8').split('\n')
      return lines
        .filter((line) => /(?<!host\}\/|repository:)\$\{(?:\w+\.)*repository\}/.test(line))
        .map((line) => `${file}: ${line.trim()}`)
    })
    // a local name of a daemon's own, looked for
    expect(bare).toEqual([expect.stringContaining('docker-hosts.ts: const shared')])
  })
})
