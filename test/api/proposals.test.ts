import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { putCredential } from '../../src/build/credentials.ts'
import { look } from '../../src/ingest/look.ts'
import { mediaTypes } from '../../src/oci/media-type.ts'
import { digestOf } from '../../src/registry/check-digest.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { type ImageSpec, type PushedImage, pushImage } from '../support/push.ts'
import { startSmall, type TestRegistry } from '../support/registry.ts'
import { startApi, type TestApi } from './start-api.ts'

/** From pushed images to recipes: a real registry, the real API. */
let pg: TestDatabase
let registry: TestRegistry
let api: TestApi
beforeAll(async () => {
  pg = await testDatabase()
  registry = await startSmall({ referrers: true })
  api = await startApi(pg, [{ name: registry.host, url: registry.url, insecure: false }] as never)
})
afterAll(async () => {
  await api.close()
  await registry.close()
  await pg.close()
})

type Proposal = {
  exists: boolean
  acceptable: boolean
  recipe: { git: { url: string; ref: string; credential?: string }; args: Record<string, string> }
  evidence: { evidence: string; url: string }[]
  doubts: { path: string; code: string }[]
}
const source = 'org.opencontainers.image.source'
const revision = 'org.opencontainers.image.revision'
const push = (repository: string, more: Partial<ImageSpec> = {}): Promise<PushedImage> =>
  pushImage(registry.client, { repository, tag: '1', layers: [`layer of ${repository}`], ...more })
const seen = (repository: string) => look(api.d, `${registry.host}/${repository}:1`)
const path = (repository: string) => `recipes/${encodeURIComponent(`${repository}:1`)}/proposal`
const proposal = (repository: string) => api.get<Proposal>(path(repository))

/** Attaches provenance to an image, as a referrer. */
async function attest(repository: string, subject: PushedImage, predicate: object): Promise<void> {
  const statement = Buffer.from(
    JSON.stringify({
      predicateType: 'https://slsa.dev/provenance/v1',
      subject: [{ name: 'x', digest: { sha256: subject.manifestDigest.slice(7) } }],
      predicate,
    }),
  )
  const config = Buffer.from('{}')
  for (const blob of [statement, config]) await registry.client.uploadBlob(repository, digestOf(blob), blob)
  const descriptor = (mediaType: string, blob: Buffer) => ({ mediaType, digest: digestOf(blob), size: blob.length })
  const manifest = {
    ...{ schemaVersion: 2, mediaType: mediaTypes.ociManifest, artifactType: 'application/vnd.in-toto+json' },
    config: descriptor('application/vnd.oci.empty.v1+json', config),
    layers: [descriptor('application/vnd.in-toto+json', statement)],
    subject: { mediaType: subject.mediaType, digest: subject.manifestDigest, size: subject.size },
  }
  const bytes = Buffer.from(JSON.stringify(manifest))
  await registry.client.putManifest(repository, digestOf(bytes), { bytes, mediaType: mediaTypes.ociManifest })
}

describe('GET /recipes/REF/proposal', () => {
  test('from provenance that refers to the image: accepted with one call', async () => {
    const image = await push('app/prov')
    const commit = 'd'.repeat(40)
    await attest('app/prov', image, {
      buildDefinition: {
        externalParameters: {
          configSource: {
            uri: 'https://git.test/team/x.git#refs/heads/main',
            digest: { sha1: commit },
            path: 'x.Dockerfile',
          },
          request: { args: { 'build-arg:UNDER_SCORED': 'a_b' } },
        },
      },
      runDetails: { metadata: { buildkit_completeness: { request: true } } },
    })
    await seen('app/prov')
    const found = await proposal('app/prov')
    expect(found).toMatchObject({
      ref: `${registry.host}/app/prov:1`,
      exists: false,
      acceptable: true,
      recipe: {
        git: { url: 'https://git.test/team/x.git', ref: commit },
        dockerfile: 'x.Dockerfile',
        args: { UNDER_SCORED: 'a_b' },
      },
      evidence: [{ evidence: 'provenance', url: 'https://git.test/team/x.git#refs/heads/main', revision: commit }],
      doubts: [{ path: 'git.ref', code: 'fixed-commit' }],
    })
    const stored = await api.call('PUT', 'recipes/app%2Fprov%3A1', { body: found.recipe })
    expect([stored.status, stored.body]).toMatchObject([200, found.recipe])
    expect((await proposal('app/prov')).exists).toBe(true)
    expect(await api.get('recipes/app%2Fprov%3A1/reading')).toEqual({ reading: null })
  })

  test('from annotations; the one credential of the namespace for that address is named', async () => {
    await push('team/annot', { annotations: { [source]: 'git@git.test:team/y.git', [revision]: 'v1' } })
    await seen('team/annot')
    expect((await proposal('team/annot')).recipe.git).toEqual({ url: 'https://git.test/team/y.git', ref: 'v1' })
    const input = { kind: 'git' as const, username: 'x', password: 'y' }
    await putCredential(api.d, 'team', 'elsewhere', { ...input, urlPrefix: 'https://other.test/' })
    await putCredential(api.d, 'team', 'ours', { ...input, urlPrefix: 'https://git.test/team/' })
    expect((await proposal('team/annot')).recipe.git.credential).toBe('ours')
  })

  test('from labels, where they are not inherited', async () => {
    const labels = { [source]: 'https://git.test/os', [revision]: 'os1' }
    const base = await push('lib/os', { config: { Labels: labels } })
    await push('app/heir', { base, layers: ['heir'] })
    await push('app/half', {
      base,
      layers: ['half'],
      config: { Labels: { ...labels, [source]: 'https://git.test/half' } },
    })
    await push('app/own', { base, layers: ['own'], config: { Labels: { ...labels, [revision]: 'own2' } } })
    for (const repository of ['lib/os', 'app/heir', 'app/half', 'app/own']) await seen(repository)
    expect((await proposal('lib/os')).recipe.git).toEqual({ url: 'https://git.test/os', ref: 'os1' })
    expect((await api.call('GET', path('app/heir'))).body.code).toBe('no-proposal')
    expect((await proposal('app/half')).recipe.git).toEqual({ url: 'https://git.test/half', ref: 'HEAD' })
    expect((await proposal('app/own')).recipe.git).toEqual({ url: 'https://git.test/os', ref: 'own2' })
  })

  test('an address that may not be used is told, not dropped', async () => {
    await push('app/plain', { annotations: { [source]: 'http://git.test/x' } })
    await seen('app/plain')
    const found = await proposal('app/plain')
    expect(found).toMatchObject({
      acceptable: false,
      doubts: expect.arrayContaining([{ path: 'git.url', code: 'refused', message: expect.stringContaining('http') }]),
    })
    expect((await api.call('PUT', 'recipes/app%2Fplain%3A1', { body: found.recipe })).body.code).toBe('bad-request')
  })

  test('no tag, nothing said', async () => {
    expect((await api.call('GET', path('app/never'))).body.code).toBe('no-such-tag')
    await push('app/mute')
    await seen('app/mute')
    const answer = await api.call('GET', path('app/mute'))
    expect([answer.status, answer.body.code]).toEqual([404, 'no-proposal'])
    expect((await api.call('GET', 'recipes/app%2Fmute%3A1/reading')).body.code).toBe('no-such-recipe')
  })
})
