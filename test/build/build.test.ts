import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import { build } from '../../src/build/build.ts'
import { cancelBuild } from '../../src/build/cancel.ts'
import { claimBuild } from '../../src/build/claim.ts'
import { readLog } from '../../src/build/logs.ts'
import { Recipe } from '../../src/build/recipe.ts'
import { putRecipe } from '../../src/build/recipes.ts'
import { type BuildReason, requestBuild } from '../../src/build/request.ts'
import type { Content } from '../../src/demo/make-content.ts'
import { type SmallRegistry, startSmallRegistry } from '../../src/demo/registry/small-registry.ts'
import type { Deps } from '../../src/deps.ts'
import type { Digest } from '../../src/oci/digest.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { buildDeps, freshContent, learnTags, pushContent } from './world.ts'

let pg: TestDatabase
let registry: SmallRegistry
let d: Deps
let base: Content
let moved: Digest
let stories = 0
/** repositories of the present story */
let names: { base: string; child: string }
const ref = (repository: string) => `${registry.host}/${repository}:1`
const client = () => d.registries.byName(registry.host)!

beforeAll(async () => {
  pg = await testDatabase()
  registry = await startSmallRegistry()
  d = buildDeps(pg, registry, { builder: 'rebase' })
})
afterAll(async () => {
  d.registries.close()
  await registry.close()
  await pg.close()
})
/** A base, a child on it; then the base moves, and the child is outdated. */
beforeEach(async () => {
  stories++
  names = { base: `lib${stories}/base`, child: `app${stories}/child` }
  base = freshContent(null, 'base')
  await pushContent(client(), names.base, '1', base)
  await learnTags(d, [ref(names.base)])
  await pushContent(client(), names.child, '1', freshContent(base, 'child'))
  await learnTags(d, [ref(names.child)])
  moved = await pushContent(client(), names.base, '1', freshContent(null, 'base'))
  await learnTags(d, [ref(names.base)])
})

const request = async (recipe: Partial<Recipe> = {}, reason: BuildReason = { kind: 'manual' }): Promise<string> => {
  await putRecipe(d, ref(names.child), Recipe.parse({ strategy: 'rebase', ...recipe }))
  const requested = await requestBuild(d, { ref: ref(names.child), reason, root: null })
  if (requested === 'no-recipe') throw new Error('there is a recipe')
  return requested.build.id
}
const row = (id: string) => d.db.build.findUniqueOrThrow({ where: { id } })
const head = async (tag = '1') => (await client().headManifest(names.child, tag))?.digest ?? null
const status = async () => (await d.db.tag.findUniqueOrThrow({ where: { ref: ref(names.child) } })).status
const jobsFor = async (key: string) => pg.sql`select 1 from graphile_worker._private_jobs where key = ${key}`

describe('a build', () => {
  it('pushes, records its evidence, and finds its tag current again without any webhook', async () => {
    expect(await status()).toBe('outdated')
    const id = await request({ tags: ['latest', '1'] })
    await build(d, id)
    const done = await row(id)
    expect(done).toMatchObject({ state: 'succeeded', builder: 'rebase', error: null, digest: await head() })
    expect(done.bases).toEqual([{ name: ref(names.base), digest: moved, role: 'runtime', pinned: false }])
    expect(done.finishedAt!.getTime()).toBeGreaterThanOrEqual(done.startedAt!.getTime())
    const steps = done.steps as { name: string; startedAt: string; finishedAt: string; error: null }[]
    expect(steps.map((step) => step.name)).toEqual(['build', 'push', 'cleanup'])
    for (const step of steps) expect(step).toMatchObject({ finishedAt: expect.any(String), error: null })
    expect(await head('latest')).toBe(done.digest)
    const evidence = await d.db.declaration.findMany({ where: { subject: done.digest!, evidence: 'build' } })
    expect(evidence).toMatchObject([
      { source: id, name: ref(names.base), digest: moved, role: 'runtime', pinned: false },
    ])
    expect(await status()).toBe('current')
    expect(await jobsFor('plan')).toHaveLength(1)
    expect(await readLog(d, id)).toContain(moved)
  })

  it('writes the base into the manifest, for those who read only that', async () => {
    const id = await request()
    await build(d, id)
    const manifest = await client().getManifest(names.child, '1')
    expect(JSON.parse(manifest!.bytes.toString()).annotations).toEqual({
      'dev.drydock.build': id,
      'dev.drydock.cause': 'manual',
      'dev.drydock.recipe': expect.stringContaining('"strategy":'),
      'org.opencontainers.image.base.name': ref(names.base),
      'org.opencontainers.image.base.digest': moved,
    })
  })

  it('does nothing when its job comes again after its end', async () => {
    const id = await request()
    await build(d, id)
    const before = await row(id)
    await build(d, id)
    expect(await row(id)).toEqual(before)
  })

  it('that died after its push goes on from there, and does not push again', async () => {
    const id = await request()
    await build(d, id)
    const { digest, steps } = await row(id)
    await pg.sql`delete from declaration where source = ${id}`
    await pg.sql`
      update build set state = 'running', digest = null, finished_at = null,
        steps = (select jsonb_agg(step) from jsonb_array_elements(steps) step where step->>'name' <> 'cleanup') where id = ${id}`
    await build(d, id)
    const again = await row(id)
    expect(again).toMatchObject({ state: 'succeeded', digest })
    expect(await head()).toBe(digest)
    expect(await d.db.declaration.count({ where: { source: id } })).toBe(1)
    expect((again.steps as { content?: string }[]).map((step) => step.content).filter(Boolean)).toEqual(
      (steps as { content?: string }[]).map((step) => step.content).filter(Boolean),
    )
    expect(await readLog(d, id)).toContain('it had pushed')
  })

  it('that died before its push starts again', async () => {
    const before = await head()
    const id = await request()
    await claimBuild(d, id)
    await build(d, id)
    expect(await row(id)).toMatchObject({ state: 'running' })
    expect(await head()).toBe(before)
    await pg.sql`update build set lease_until = null where id = ${id}`
    await build(d, id)
    expect(await row(id)).toMatchObject({ state: 'succeeded', leaseUntil: null })
    expect(await head()).not.toBe(before)
  })

  it('waits while another build of the tag runs', async () => {
    const running = await request()
    await claimBuild(d, running)
    const waiting = await request()
    await build(d, waiting)
    expect(await row(waiting)).toMatchObject({ state: 'queued', startedAt: null })
  })

  it('runs once, however many try', async () => {
    const id = await request()
    await Promise.all([build(d, id), build(d, id), build(d, id), build(d, id)])
    expect(await row(id)).toMatchObject({ state: 'succeeded' })
    expect((await readLog(d, id)).match(/rebasing/g)).toHaveLength(1)
  })

  it('that is cancelled before it began pushes nothing', async () => {
    const before = await head()
    const id = await request()
    await cancelBuild(d, id)
    await build(d, id)
    expect(await row(id)).toMatchObject({ state: 'cancelled' })
    expect(await head()).toBe(before)
  })

  it('that a worker is stopped in is left for the next', async () => {
    const id = await request()
    const stopped = AbortSignal.abort()
    await expect(build(d, id, stopped)).rejects.toMatchObject({ code: 'shutting-down' })
    expect(await row(id)).toMatchObject({ state: 'running', error: null })
    await build(d, id)
    expect(await row(id)).toMatchObject({ state: 'succeeded' })
  })

  it.each([
    ['a base with more layers than its child', async () => ({ base: await otherBase(5) }), 'not-a-prefix'],
    ['a base it was never on', async () => ({ base: await otherBase(1) }), 'not-a-prefix'],
    ['a base that does not exist', async () => ({ base: `${registry.host}/no/such:1` }), 'base-absent'],
    ['a base nobody watches', async () => ({ base: 'elsewhere.example/a:1' }), 'base-unreachable'],
    ['a platform it is not for', async () => ({ platforms: ['linux/arm64'] }), 'platform-absent'],
    [
      'a Dockerfile where nothing builds one',
      async () => Recipe.parse({ git: { url: 'https://git.example/a', ref: 'main' } }),
      'no-builder',
    ],
  ])('fails with a clear reason: %s', async (_name, recipe, code) => {
    const before = await head()
    const id = await request(await recipe())
    await build(d, id)
    const failed = await row(id)
    expect(failed).toMatchObject({ state: 'failed', error: { code, message: expect.any(String) }, digest: null })
    expect(failed.finishedAt).not.toBeNull()
    expect(await readLog(d, id)).toContain(`[${code}]`)
    expect(await head()).toBe(before)
    // names are withheld by their hosts (names-in-messages.test.ts)
    const hostless = JSON.stringify([failed.error, failed.steps, await readLog(d, id)])
    expect(hostless.replaceAll(`${registry.host}/`, 'HOST/')).not.toMatch(/(?<!HOST\/)\b(no\/such|app\/run)\b/)
    expect(await jobsFor('plan')).toHaveLength(1)
  })

  it('refuses to choose among several bases, until the recipe does', async () => {
    await pushContent(client(), `${names.base}-copy`, '1', base)
    const twin = freshContent(base, 'twin')
    names = { ...names, child: `${names.child}-twin` }
    await pushContent(client(), names.base, '1', base)
    await learnTags(d, [ref(names.base), ref(`${names.base}-copy`)])
    await pushContent(client(), names.child, '1', twin)
    await learnTags(d, [ref(names.child)])
    const id = await request()
    await build(d, id)
    expect(await row(id)).toMatchObject({ state: 'failed', error: { code: 'ambiguous-base' } })
    const named = await request({ base: ref(names.base) })
    await build(d, named)
    expect(await row(named)).toMatchObject({ state: 'succeeded' })
  })

  it('rebases an index of one platform to an index', async () => {
    const mediaType = 'application/vnd.oci.image.index.v1+json'
    const child = await client().headManifest(names.child, '1')
    const entry = {
      mediaType: child!.mediaType,
      digest: child!.digest,
      size: 1,
      platform: { os: 'linux', architecture: 'amd64' },
    }
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, manifests: [entry] }))
    await client().putManifest(names.child, '1', { bytes, mediaType })
    const id = await request({ base: ref(names.base) })
    await build(d, id)
    const { state, digest } = await row(id)
    const pushed = await client().headManifest(names.child, '1')
    expect([state, pushed]).toMatchObject(['succeeded', { digest, mediaType }])
  })
})

/** A base of so many layers that no child here has below it. */
async function otherBase(layers: number): Promise<string> {
  let content: Content | null = null
  for (let i = 0; i < layers; i++) content = freshContent(content, `other${i}`)
  await pushContent(client(), 'lib/other', '1', content!)
  await learnTags(d, [ref('lib/other')])
  return ref('lib/other')
}
