import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { type Provenance, parseImagePurl, parseProvenance } from '../../src/oci/provenance.ts'

const hex = (c: string) => c.repeat(64)
const digest = (c: string) => `sha256:${hex(c)}`
const bytes = (value: unknown) => Buffer.from(JSON.stringify(value))
const uses = (uri: string, c = 'a') => ({ uri, digest: { sha256: hex(c) } })
const v1 = (resolvedDependencies: unknown, more: object = {}) => ({
  _type: 'https://in-toto.io/Statement/v1',
  predicateType: 'https://slsa.dev/provenance/v1',
  subject: [{ name: 'x', digest: { sha256: hex('5') } }],
  predicate: { buildDefinition: { resolvedDependencies, ...more } },
})
const v02 = (materials: unknown, more: object = {}) => ({
  predicateType: 'https://slsa.dev/provenance/v0.2',
  predicate: { materials, ...more },
})
const read = (statement: unknown) => parseProvenance(bytes(statement)) as Provenance
const names = (statement: unknown) => read(statement).materials.map((material) => material.name)

describe('parseImagePurl', () => {
  test.each([
    [
      'pkg:docker/localhost%3A5000/lib/base@1?platform=linux%2Famd64',
      'localhost:5000/lib/base:1',
      null,
      'linux/amd64',
      false,
    ],
    ['pkg:docker/debian@12', 'docker.io/library/debian:12', null, null, false],
    ['pkg:docker/debian', 'docker.io/library/debian:latest', null, null, false],
    ['pkg:docker/bitnami/redis@7?platform=linux%2Farm64%2Fv8', 'docker.io/bitnami/redis:7', null, 'linux/arm64', false],
    [`pkg:docker/debian@12?digest=${digest('d')}`, 'docker.io/library/debian:12', digest('d'), null, true],
    [`pkg:docker/debian?digest=${digest('d')}`, null, digest('d'), null, true],
    [`pkg:docker/ghcr.io/o/r@sha256%3A${hex('e')}`, null, digest('e'), null, true],
    ['pkg:docker/customer/dockerimage@1?repository_url=gcr.io', 'gcr.io/customer/dockerimage:1', null, null, false],
    [
      `pkg:oci/debian@sha256%3A${hex('e')}?repository_url=docker.io/library/debian&tag=12`,
      'docker.io/library/debian:12',
      digest('e'),
      null,
      true,
    ],
  ])('%s', (uri, name, inUri, platform, pinned) => {
    expect(parseImagePurl(uri)?.material).toEqual({ name, digest: inUri, platform, pinned })
  })

  test.each([
    'https://github.com/o/r.git#main',
    'pkg:npm/express@5',
    'pkg:docker/%zz@1',
    'pkg:docker/UPPER/Case@1',
    '',
    'pkg:oci/x@1',
  ])('names no image: %s', (uri) => {
    expect(parseImagePurl(uri)).toBeNull()
  })
})

describe('parseProvenance', () => {
  test('reads SLSA v1', () => {
    expect(parseProvenance(bytes(v1([uses('pkg:docker/debian@12?platform=linux%2Famd64')])))).toEqual({
      subjects: [digest('5')],
      materials: [{ name: 'docker.io/library/debian:12', digest: digest('a'), platform: 'linux/amd64', pinned: false }],
      origin: null,
    })
  })

  test('reads v0.2 materials, and a statement in a DSSE envelope', () => {
    expect(names(v02([uses('pkg:docker/a@1'), uses('https://github.com/x')]))).toEqual(['docker.io/library/a:1'])
    const payload = bytes(v02([uses('pkg:docker/a@1')])).toString('base64')
    expect(names({ payloadType: 'application/vnd.in-toto+json', payload, signatures: [] })).toEqual([
      'docker.io/library/a:1',
    ])
  })

  test('keeps a material without digest, and one bad material does not cost the others', () => {
    const statement = v1([null, 7, { digest: {} }, { uri: 'pkg:docker/a@1' }, uses('pkg:docker/b@1')])
    expect(names(statement)).toEqual(['docker.io/library/a:1', 'docker.io/library/b:1'])
    expect(read(statement).materials[0]?.digest).toBeNull()
  })

  test('the digest beside a pinned purl is the resolved one', () => {
    const [material] = read(v1([uses(`pkg:docker/a@1?digest=${digest('b')}`, 'c')])).materials
    expect(material).toMatchObject({ digest: digest('c'), pinned: true })
  })

  const frontend = uses('pkg:docker/docker/dockerfile@1')
  const own = uses('pkg:docker/registry.local%3A5000/my/frontend@2')
  const base = uses('pkg:docker/a@1')
  const source = {
    source: {
      infos: [
        { data: Buffer.from('# check=x\n# syntax = registry.local:5000/my/frontend:2\nFROM a').toString('base64') },
      ],
    },
  }
  test.each([
    ['the usual frontend', v1([frontend, base])],
    ['the usual scanner', v1([uses('pkg:docker/docker/buildkit-syft-scanner@stable-1'), base])],
    [
      'the frontend that v1 names',
      v1([own, base], { externalParameters: { request: { args: { source: 'registry.local:5000/my/frontend:2' } } } }),
    ],
    [
      'the frontend that v0.2 names',
      v02([own, base], { invocation: { parameters: { args: { cmdline: 'registry.local:5000/my/frontend:2' } } } }),
    ],
    [
      'the scanner that was asked for',
      v1([own, base], {
        externalParameters: { request: { args: { 'attest:sbom': 'generator=registry.local:5000/my/frontend' } } },
      }),
    ],
    [
      'what the Dockerfile calls its syntax',
      v02([own, base], { metadata: { 'https://mobyproject.org/buildkit@v1#metadata': source } }),
    ],
  ])('%s is no base', (_, statement) => {
    expect(names(statement)).toEqual(['docker.io/library/a:1'])
  })

  test.each([
    ['another predicate', { predicateType: 'https://spdx.dev/Document', predicate: {} }, 'other-predicate'],
    ['no statement', { hello: 1 }, 'bad-statement'],
    ['null', null, 'bad-statement'],
    ['a predicate that is none', { predicateType: 'https://slsa.dev/provenance/v1', predicate: 7 }, 'bad-statement'],
    ['an envelope of nothing', { payloadType: 'x', payload: '!' }, 'bad-statement'],
  ])('%s is no provenance, and says why', (_, statement, fault) => {
    expect(parseProvenance(bytes(statement))).toBe(fault)
  })

  test('reads a Sigstore bundle', () => {
    const payload = bytes(v02([uses('pkg:docker/a@1')])).toString('base64')
    const dsseEnvelope = { payloadType: 'application/vnd.in-toto+json', payload, signatures: [] }
    expect(names({ mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json', dsseEnvelope })).toEqual([
      'docker.io/library/a:1',
    ])
  })

  test.each([
    ['BuildKit v1', '9cb791626daa'],
    ['BuildKit v0.2, mode=max', 'e4770173e857'],
  ])('reads what %s wrote', (_, prefix) => {
    const folder = new URL('../fixtures/family/', import.meta.url)
    const found = parseProvenance(readBlob(folder, prefix)) as Provenance
    expect(found.materials.map((m) => m.name)).toEqual(
      ['lib/base:1', 'lib/extra:1', 'lib/tool:1'].map((n) => `localhost:5000/${n}`),
    )
    expect(found.materials.every((m) => m.digest !== null && m.platform === 'linux/amd64' && !m.pinned)).toBe(true)
  })
})

function readBlob(folder: URL, prefix: string): Buffer {
  const blobs = new URL('blobs/sha256/', folder)
  return readFileSync(new URL(readdirSync(blobs).find((name) => name.startsWith(prefix))!, blobs))
}
