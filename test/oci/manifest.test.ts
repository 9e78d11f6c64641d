import { describe, expect, test } from '@jest/globals'
import { parseManifest } from '../../src/oci/manifest.ts'

const digest = (c: string) => `sha256:${c.repeat(64)}`
const oci = 'application/vnd.oci.image.manifest.v1+json'
const ociConfig = { mediaType: 'application/vnd.oci.image.config.v1+json', digest: digest('c'), size: 2 }
const ociLayer = { mediaType: 'application/vnd.oci.image.layer.v1.tar+zstd', digest: digest('1'), size: 3 }
const dockerLayer = { mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip', digest: digest('2') }
const read = (body: unknown, mediaType = oci) => parseManifest(Buffer.from(JSON.stringify(body)), mediaType)
const kind = (body: unknown, mediaType?: string) => {
  const manifest = read(body, mediaType)
  return typeof manifest === 'string' ? manifest : manifest.kind
}

describe('parseManifest', () => {
  test.each([
    ['OCI image', { config: ociConfig, layers: [ociLayer] }, 'image'],
    ['image without layers', { config: ociConfig, layers: [] }, 'image'],
    [
      'Docker image with a foreign layer',
      { config: { ...ociConfig, mediaType: 'application/vnd.docker.container.image.v1+json' }, layers: [dockerLayer] },
      'image',
    ],
    [
      'Docker 1.10 config',
      { config: { ...ociConfig, mediaType: 'application/octet-stream' }, layers: [dockerLayer] },
      'image',
    ],
    [
      'chart',
      {
        config: { ...ociConfig, mediaType: 'application/vnd.cncf.helm.config.v1+json' },
        layers: [{ ...ociLayer, mediaType: 'application/vnd.cncf.helm.chart.content.v1.tar+gzip' }],
      },
      'artifact',
    ],
    [
      'cosign signature under an image config',
      { config: ociConfig, layers: [{ ...ociLayer, mediaType: 'application/vnd.dev.cosign.simplesigning.v1+json' }] },
      'artifact',
    ],
    [
      'attestation under an image config',
      { config: ociConfig, layers: [{ ...ociLayer, mediaType: 'application/vnd.in-toto+json' }] },
      'artifact',
    ],
    [
      'OCI artifact manifest',
      { mediaType: 'application/vnd.oci.artifact.manifest.v1+json', blobs: [ociLayer], artifactType: 'x/y' },
      'artifact',
    ],
    ['index', { manifests: [{ mediaType: oci, digest: digest('3') }] }, 'index'],
    ['empty index', { manifests: [] }, 'index'],
    ['schema 1', { schemaVersion: 1, fsLayers: [], history: [] }, 'schema1'],
    ['index and image at once', { manifests: [], layers: [], config: ociConfig }, 'bad-manifest'],
    ['neither', {}, 'bad-manifest'],
    ['no object', [], 'bad-manifest'],
    ['layer without digest', { config: ociConfig, layers: [{ mediaType: 'x' }] }, 'bad-manifest'],
    ['digest that is a path', { config: { ...ociConfig, digest: '../../etc' }, layers: [] }, 'bad-manifest'],
  ])('%s', (_, body, expected) => {
    expect(kind(body)).toBe(expected)
  })

  test.each([
    ['no JSON', Buffer.from('<html>')],
    ['nothing', Buffer.alloc(0)],
    ['no UTF-8', Buffer.from([0xff, 0x7b])],
  ])('bytes that are %s are a bad manifest', (_, bytes) => {
    expect(parseManifest(bytes, oci)).toBe('bad-manifest')
  })

  test('drops what it cannot use instead of refusing the whole', () => {
    const manifest = read({
      config: { ...ociConfig, size: 'big', platform: 7, annotations: { a: 1, b: 'x' } },
      layers: [ociLayer],
      annotations: ['no'],
      extra: true,
    })
    expect(manifest).toMatchObject({
      kind: 'image',
      config: { size: null, platform: null, annotations: { b: 'x' } },
      annotations: {},
    })
  })

  test('says what an artifact is by its type, else by its config', () => {
    expect(read({ config: { ...ociConfig, mediaType: 'a/b' }, layers: [] })).toMatchObject({ artifactType: 'a/b' })
    expect(read({ artifactType: 'c/d', config: { ...ociConfig, mediaType: 'a/b' }, layers: [] })).toMatchObject({
      artifactType: 'c/d',
    })
  })
})
