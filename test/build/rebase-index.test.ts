import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { build } from '../../src/build/build.ts'
import { readLog } from '../../src/build/logs.ts'
import { Recipe } from '../../src/build/recipe.ts'
import { putRecipe } from '../../src/build/recipes.ts'
import { requestBuild } from '../../src/build/request.ts'
import { type SmallRegistry, startSmallRegistry } from '../../src/demo/registry/small-registry.ts'
import type { Deps } from '../../src/deps.ts'
import type { Digest } from '../../src/oci/digest.ts'
import { mediaTypes } from '../../src/oci/media-type.ts'
import type { RegistryClient } from '../../src/registry/registries.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { type PushedImage, pushImage, pushIndex } from '../support/push.ts'
import { buildDeps, learnTags } from './world.ts'

const architectures = ['amd64', 'arm64'] as const
const attestation = {
  platform: { os: 'unknown', architecture: 'unknown' },
  annotations: { 'vnd.docker.reference.type': 'attestation-manifest' },
}

describe('a rebase of a whole index', () => {
  let pg: TestDatabase
  let registry: SmallRegistry
  let d: Deps
  let client: RegistryClient
  const ref = (name: string) => `${registry.host}/${name}`

  beforeAll(async () => {
    pg = await testDatabase()
    registry = await startSmallRegistry()
    d = buildDeps(pg, registry)
    client = d.registries.byName(registry.host)!
  })
  afterAll(async () => {
    d.registries.close()
    await registry.close()
    await pg.close()
  })

  const pushBase = async (name: string, release: string, of: readonly string[] = architectures) => {
    const parts: PushedImage[] = []
    for (const architecture of of)
      parts.push(
        await pushImage(client, {
          ...{ repository: name, layers: [`${name} ${release} ${architecture}`], config: { Env: [`R=${release}`] } },
          platform: { os: 'linux', architecture },
        }),
      )
    const digest = await pushIndex(client, { repository: name, tag: '1', manifests: parts })
    await learnTags(d, [ref(`${name}:1`)])
    return { parts, digest }
  }
  const pushChild = async (
    name: string,
    bases: readonly PushedImage[],
    format: 'oci' | 'docker' = 'oci',
  ): Promise<PushedImage[]> => {
    const parts: PushedImage[] = []
    for (const base of bases)
      parts.push(await pushImage(client, { repository: name, base, layers: [`own of ${name}`], format }))
    const [first] = parts
    const further =
      format === 'oci'
        ? [{ ...attestation, mediaType: first!.mediaType, digest: first!.manifestDigest, size: first!.size }]
        : []
    const annotations = { 'org.example.kept': 'yes' }
    const own = format === 'oci' ? { annotations } : {}
    await pushIndex(client, { repository: name, tag: '1', manifests: parts, further, format, ...own })
    await learnTags(d, [ref(`${name}:1`)])
    return parts
  }
  const rebase = async (name: string, recipe: object = {}) => {
    await putRecipe(d, ref(`${name}:1`), Recipe.parse({ strategy: 'rebase', base: ref('lib/base:1'), ...recipe }))
    const asked = await requestBuild(d, { ref: ref(`${name}:1`), reason: { kind: 'manual' }, root: null })
    if (asked === 'no-recipe') throw new Error('there is a recipe')
    await build(d, asked.build.id)
    const row = await d.db.build.findUniqueOrThrow({ where: { id: asked.build.id } })
    return { row, log: await readLog(d, row.id) }
  }
  const read = async (name: string, what: string) => {
    const found = (await client.getManifest(name, what))!
    return { ...found, body: JSON.parse(found.bytes.toString()) }
  }
  const configOf = async (name: string, digest: Digest) => {
    const { body } = await read(name, digest)
    return JSON.parse((await client.getBlob(name, body.config.digest, { maxBytes: 1_000_000 }))!.toString())
  }

  it('moves each platform to its own new base, drops attestations, and keeps what the index said', async () => {
    const old = await pushBase('lib/base', 'one')
    const before = await pushChild('app/run', old.parts)
    const head = (await client.headManifest('app/run', '1'))!.digest
    const base = await pushBase('lib/base', 'two')
    const { row, log } = await rebase('app/run')
    expect(row).toMatchObject({ state: 'succeeded', error: null, previous: head })
    expect(row.bases).toEqual([{ name: ref('lib/base:1'), digest: base.digest, role: 'runtime', pinned: false }])
    expect(log).toContain('attestations left out')
    const index = await read('app/run', '1')
    expect([index.digest, index.mediaType]).toEqual([row.digest, mediaTypes.ociIndex])
    expect(index.body.annotations).toMatchObject({
      'org.example.kept': 'yes',
      'org.opencontainers.image.base.name': ref('lib/base:1'),
      'org.opencontainers.image.base.digest': base.digest,
      'dev.drydock.build': row.id,
    })
    expect(index.body.manifests).toHaveLength(2)
    for (const [i, entry] of index.body.manifests.entries()) {
      expect(entry.platform).toEqual({ os: 'linux', architecture: architectures[i] })
      const config = await configOf('app/run', entry.digest)
      expect(config).toMatchObject({ architecture: architectures[i], config: { Env: ['R=two'] } })
      expect(config.rootfs.diff_ids).toEqual([...base.parts[i]!.diffIds, ...before[i]!.diffIds.slice(1)])
    }
    expect((await client.headManifest('app/run', '1-prev'))?.digest).toBe(head)
    const tag = await d.db.tag.findUniqueOrThrow({ where: { ref: ref('app/run:1') } })
    expect([tag.status, tag.disagreements]).toEqual(['current', []])
  })

  it('takes Docker’s manifest lists too', async () => {
    const old = await pushBase('lib/base', 'three')
    await pushChild('app/docker', old.parts, 'docker')
    await pushBase('lib/base', 'four')
    const { row } = await rebase('app/docker')
    expect(row).toMatchObject({ state: 'succeeded', error: null })
    const index = await read('app/docker', '1')
    expect(index.mediaType).toBe(mediaTypes.ociIndex)
    for (const { digest } of index.body.manifests)
      expect((await configOf('app/docker', digest)).config.Env).toEqual(['R=four'])
  })

  it('says which platform its base has not, and moves nothing', async () => {
    const old = await pushBase('lib/base', 'five')
    await pushChild('app/half', old.parts)
    const head = (await client.headManifest('app/half', '1'))!.digest
    await pushBase('lib/base', 'six', ['amd64'])
    const { row } = await rebase('app/half')
    expect(row).toMatchObject({ state: 'failed', error: { code: 'platform-absent' } })
    expect(JSON.stringify(row.error)).toContain('linux/arm64')
    expect((await client.headManifest('app/half', '1'))!.digest).toBe(head)
  })

  it('makes exactly the platforms that the recipe names', async () => {
    const old = await pushBase('lib/base', 'seven')
    await pushChild('app/one', old.parts)
    await pushBase('lib/base', 'eight', ['amd64'])
    const { row } = await rebase('app/one', { platforms: ['linux/amd64'] })
    expect(row).toMatchObject({ state: 'succeeded', error: null })
    const { body } = await read('app/one', '1')
    expect(body.manifests.map((entry: { platform: object }) => entry.platform)).toEqual([
      { os: 'linux', architecture: 'amd64' },
    ])
    const wrong = await rebase('app/one', { platforms: ['linux/amd64', 'linux/s390x'] })
    expect(wrong.row).toMatchObject({ state: 'failed', error: { code: 'platform-absent' } })
  })
})
