import { createHash } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import {
  declaredByAnnotations,
  declaredByProvenance,
  entryPlatform,
  isAttestation,
  observeAbsent,
  observeImage,
  observePlain,
} from '../../src/ingest/observe.ts'
import type { Digest } from '../../src/oci/digest.ts'
import { type ImageManifest, type Manifest, parseManifest } from '../../src/oci/manifest.ts'

const sha = (text: string) => `sha256:${createHash('sha256').update(text).digest('hex')}` as Digest
const imageType = 'application/vnd.oci.image.manifest.v1+json'
const layer = (name: string) => ({
  mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
  digest: sha(`blob ${name}`),
  size: 1,
})

const manifestOf = (layers: string[], annotations: Record<string, string> = {}): ImageManifest => {
  const body = {
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: sha('config') },
    layers: layers.map(layer),
    annotations,
  }
  return parseManifest(Buffer.from(JSON.stringify(body)), imageType) as ImageManifest
}

const observe = (layers: string[], config: unknown) =>
  observeImage(sha('m'), manifestOf(layers), Buffer.from(typeof config === 'string' ? config : JSON.stringify(config)))

const configOf = (diffIds: unknown, more: object = {}) => ({
  os: 'linux',
  architecture: 'arm64',
  variant: 'v8',
  created: '2026-01-01T00:00:00.123456789Z',
  rootfs: { type: 'layers', diff_ids: diffIds },
  history: [{ created_by: 'COPY' }, { created_by: 'ENV', empty_layer: true }],
  ...more,
})

describe('observeImage', () => {
  test('reads platform, times, layers and ids', () => {
    const { manifest } = observe(['a'], configOf([sha('a')]))
    expect(manifest).toMatchObject({
      kind: 'image',
      fault: null,
      platform: 'linux/arm64',
      createdAt: 1767225600123456789n,
      layerCount: 1,
      historyAccounts: true,
      layers: [{ digest: sha('blob a'), diffId: sha('a'), size: 1 }],
    })
    expect(manifest.chainIds).toHaveLength(1)
    expect(manifest.stepIds).toHaveLength(2)
    expect(manifest.solidIds).toHaveLength(1)
    expect(manifest.releaseId).not.toBeNull()
  })

  test.each([
    ['no JSON', '<html>', 'bad-config'],
    ['JSON that is no config', [], 'bad-config'],
    ['no rootfs', { os: 'linux' }, 'bad-config'],
    ['a diffID that is no digest', configOf(['x']), 'bad-config'],
    ['more layers than diffIDs', configOf([]), 'layers-mismatch'],
    ['more diffIDs than layers', configOf([sha('a'), sha('b')]), 'layers-mismatch'],
  ])('a config with %s leaves the manifest absent', (_, config, fault) => {
    expect(observe(['a'], config)).toMatchObject({
      manifest: { kind: 'absent', fault, chainIds: [] },
      declarations: [],
    })
  })

  test.each([
    [
      'no layers, null diffIDs',
      [],
      configOf(null, { history: undefined }),
      { layerCount: 0, historyAccounts: true, chainIds: [] },
    ],
    [
      'no history',
      ['a'],
      configOf([sha('a')], { history: null }),
      { historyAccounts: false, stepIds: [], solidIds: [] },
    ],
    ['a history that cannot be read', ['a'], configOf([sha('a')], { history: [7] }), { historyAccounts: false }],
    ["Go's zero time", ['a'], configOf([sha('a')], { created: '0001-01-01T00:00:00Z' }), { createdAt: null }],
    ['no time', ['a'], configOf([sha('a')], { created: undefined }), { createdAt: null }],
    ['no platform', ['a'], configOf([sha('a')], { os: '', architecture: null }), { platform: null }],
    [
      'a Windows version',
      ['a'],
      configOf([sha('a')], { os: 'windows', architecture: 'amd64', variant: '', 'os.version': '10.0.1.2' }),
      { platform: 'windows/amd64;10.0.1.2' },
    ],
    ['127 layers', names(127), configOf(names(127).map(sha)), { layerCount: 127, historyAccounts: false }],
  ])('%s', (_, layers, config, expected) => {
    expect(observe(layers, config).manifest).toMatchObject({ kind: 'image', ...expected })
  })

  test('labels declare a base', () => {
    const config = configOf([sha('a')], { config: { Labels: { 'org.opencontainers.image.base.name': 'debian' } } })
    expect(observe(['a'], config).declarations).toEqual([
      {
        subject: sha('m'),
        evidence: 'label',
        source: sha('config'),
        position: 0,
        name: 'docker.io/library/debian:latest',
        digest: null,
        platform: null,
        role: 'runtime',
        pinned: false,
        reason: null,
      },
    ])
  })
})

function names(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `layer ${i}`)
}

describe('declaredByAnnotations', () => {
  const declared = (name?: string, digest?: string) =>
    declaredByAnnotations(
      sha('m'),
      manifestOf([], {
        ...(name === undefined ? {} : { 'org.opencontainers.image.base.name': name }),
        ...(digest === undefined ? {} : { 'org.opencontainers.image.base.digest': digest }),
      }),
    ).map((d) => [d.name, d.digest, d.pinned])

  test.each([
    ['a name', declared('localhost:5000/lib/base:1'), [['localhost:5000/lib/base:1', null, false]]],
    ['name and digest', declared('debian:12', sha('d')), [['docker.io/library/debian:12', sha('d'), false]]],
    [
      'a name that pins',
      declared(`debian:12@${sha('p')}`, sha('d')),
      [['docker.io/library/debian:12', sha('p'), true]],
    ],
    ['a name without tag that pins', declared(`debian@${sha('p')}`), [[null, sha('p'), true]]],
    ['a digest alone', declared(undefined, sha('d')), [[null, sha('d'), false]]],
    ['a name that is none, and a digest', declared('$BASE', sha('d')), [[null, sha('d'), false]]],
    ['scratch', declared('scratch', ''), []],
    ['empty texts, as buildah writes them', declared('', ''), []],
    ['a digest that is none', declared(undefined, 'latest'), []],
    ['nothing', declared(), []],
  ])('%s', (_, found, expected) => {
    expect(found).toEqual(expected)
  })

  const named = (name: string) => ({ 'org.opencontainers.image.base.name': name })
  const indexOf = (annotations: object, ...manifests: object[]) =>
    parseManifest(Buffer.from(JSON.stringify({ annotations, manifests })), '') as Manifest
  test("on an index' descriptors they speak of their manifests, each once; on the index of the index", () => {
    const index = indexOf(
      named('a:0'),
      { digest: sha('x'), annotations: named('a:1') },
      { digest: sha('y') },
      { digest: sha('x'), annotations: named('a:2') },
      { digest: sha('z'), annotations: { ...named('a:3'), 'vnd.docker.reference.type': 'attestation-manifest' } },
    )
    expect(declaredByAnnotations(sha('i'), index).map((d) => [d.subject, d.source, d.position, d.name])).toEqual([
      [sha('i'), sha('i'), 0, 'docker.io/library/a:0'],
      [sha('x'), sha('i'), 1, 'docker.io/library/a:1'],
    ])
  })

  test('where something was built from is kept without its password', () => {
    const source = (url: string) => ({
      'org.opencontainers.image.source': url,
      'org.opencontainers.image.revision': 'c',
    })
    const index = indexOf(source('https://me:secret@git.io/o/r'), { digest: sha('x'), annotations: source('git.io/x') })
    expect(observePlain(sha('i'), index).origins.map((o) => [o.subject, o.url, o.revision])).toEqual([
      [sha('i'), 'https://git.io/o/r', 'c'],
      [sha('x'), 'git.io/x', 'c'],
    ])
  })
})

describe('declaredByProvenance', () => {
  const material = { name: 'docker.io/library/a:1', digest: null, platform: null, pinned: false }
  test('speaks of the digest it is attached to, without a role', () => {
    expect(
      declaredByProvenance(sha('m'), sha('s'), { subjects: [sha('m')], materials: [material, material] }),
    ).toMatchObject([
      { subject: sha('m'), evidence: 'provenance', source: sha('s'), position: 0, role: null },
      { position: 1 },
    ])
    expect(declaredByProvenance(sha('m'), sha('s'), { subjects: [], materials: [material] })).toHaveLength(1)
  })

  test('says nothing where the statement speaks of another', () => {
    expect(declaredByProvenance(sha('m'), sha('s'), { subjects: [sha('x')], materials: [material] })).toEqual([])
  })
})

test.each([
  [{ platform: { os: 'unknown', architecture: 'unknown' } }, true, null],
  [{ annotations: { 'vnd.docker.reference.type': 'attestation-manifest' } }, true, 'linux/amd64'],
  [{ platform: { os: 'linux', architecture: 'arm' } }, false, 'linux/arm/v7'],
  [{}, false, 'linux/amd64'],
  [{ platform: { os: 'windows', architecture: 'amd64', 'os.version': '10.0.1' } }, false, 'windows/amd64;10.0.1'],
])('entry %j', (fields, attestation, platform) => {
  const index = parseManifest(
    Buffer.from(JSON.stringify({ manifests: [{ digest: sha('e'), ...fields }] })),
    '',
  ) as Manifest & { kind: 'index' }
  const entry = index.manifests[0]!
  expect(isAttestation(entry)).toBe(attestation)
  if (!attestation) expect(entryPlatform(entry, 'linux/amd64' as never)).toBe(platform)
})

test("a Windows entry without a version has its config's", () => {
  const index = parseManifest(
    Buffer.from(
      JSON.stringify({ manifests: [{ digest: sha('e'), platform: { os: 'windows', architecture: 'amd64' } }] }),
    ),
    '',
  ) as Manifest & { kind: 'index' }
  expect(entryPlatform(index.manifests[0]!, 'windows/amd64;10.0.1' as never)).toBe('windows/amd64;10.0.1')
  expect(entryPlatform(index.manifests[0]!, 'windows/arm64;10.0.1' as never)).toBe('windows/amd64')
})

test('what carries no lineage is a row all the same', () => {
  expect(observeAbsent(sha('x'), imageType, 'not-found')).toMatchObject({
    kind: 'absent',
    fault: 'not-found',
    layerCount: 0,
  })
  const index = parseManifest(Buffer.from('{"manifests":[],"artifactType":"a/b"}'), 'i') as Manifest
  expect(observePlain(sha('i'), index)).toMatchObject({
    kind: 'index',
    artifactType: 'a/b',
    mediaType: 'i',
    fault: null,
  })
})
