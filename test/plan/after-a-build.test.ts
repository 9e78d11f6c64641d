import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { type Claim, claimBuild } from '../../src/build/claim.ts'
import { ownCourse } from '../../src/build/own-course.ts'
import { Recipe } from '../../src/build/recipe.ts'
import { putRecipe } from '../../src/build/recipes.ts'
import { requestBuild } from '../../src/build/request.ts'
import { runClaim } from '../../src/build/run-claim.ts'
import { type Content, makeContent } from '../../src/demo/make-content.ts'
import { type SmallRegistry, startSmallRegistry } from '../../src/demo/registry/small-registry.ts'
import type { Deps } from '../../src/deps.ts'
import type { Digest } from '../../src/oci/digest.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { plan } from '../../src/plan/make-plan.ts'
import { rebuildStates } from '../../src/plan/rebuild-states.ts'
import { buildDeps, freshContent, learnTags, pushContent } from '../build/world.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'

/** What follows from a push of ours, by the real judge and planner over a real registry. What comes out of a build is the test's to say. */
let pg: TestDatabase
let registry: SmallRegistry
let d: Deps
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

let stories = 0
const ref = (name: string) => `${registry.host}/${name}${stories}:1`
const states = async (...names: string[]) => {
  const found = await rebuildStates(d, names.map(ref))
  return names.map((name) => found.get(ref(name))!.state)
}
const status = async (name: string) => (await d.db.tag.findUniqueOrThrow({ where: { ref: ref(name) } })).status
const queued = async () =>
  (await d.db.build.findMany({ where: { state: 'queued' }, orderBy: { ref: 'asc' } })).map((build) => build.ref)

async function push(name: string, content: Content): Promise<Digest> {
  const { host, repository } = parseReference(ref(name))!
  const digest = await pushContent(d.registries.byName(host)!, repository, '1', content)
  await learnTags(d, [ref(name)])
  return digest
}

/** Runs the queued build of this tag, with all that belongs to one, but for the building: `content` comes out, made on these bases. */
async function build(
  name: string,
  content: Content,
  bases: { name: string; digest: Digest; role: 'runtime' | 'build' }[],
) {
  const { id } = await d.db.build.findFirstOrThrow({ where: { ref: ref(name), state: 'queued' } })
  const resolved = bases.map((base) => ({ ...base, name: ref(base.name), pinned: false }))
  const claim = (await claimBuild(d, id)) as Claim
  const builder = {
    name: 'played',
    run: async (_: unknown, context: Parameters<ReturnType<ReturnType<typeof ownCourse>['builder']>['run']>[1]) => {
      await context.intend({ content: content.digest, bases: resolved, commit: null })
      await push(name, content)
      return { digest: content.digest, bases: resolved, commit: null }
    },
    clean: async () => undefined,
  }
  await runClaim(d, { ...ownCourse(d), builder: () => builder }, claim)
  return d.db.build.findUniqueOrThrow({ where: { id } })
}

const recipe = (name: string, more: object = {}) =>
  putRecipe(d, ref(name), Recipe.parse({ strategy: 'rebase', auto: true, ...more }))
const wish = (name: string) => requestBuild(d, { ref: ref(name), reason: { kind: 'manual' }, root: null })
const step = (name: string) => [{ command: `RUN make ${name}`, path: name, text: `${name} ${stories}` }]
const day = (n: number) => new Date(Date.UTC(2026, 0, n))

beforeEach(async () => {
  stories++
  await pg.sql`truncate build, plan, plan_node, recipe cascade`
})

describe('a build whose base moved', () => {
  /** lib, whose files `mid` takes along in a build stage; `leaf` is FROM mid. */
  async function family() {
    const lib = await push('lib/base', freshContent(null, 'lib'))
    await recipe('app/mid', { on: 'all' })
    await recipe('app/leaf')
    const mid = makeContent(null, step('mid'), day(1))
    const leaf = makeContent(mid, step('leaf'), day(1))
    await wish('app/mid')
    await build('app/mid', mid, [{ name: 'lib/base', digest: lib, role: 'build' }])
    await wish('app/leaf')
    await build('app/leaf', leaf, [{ name: 'app/mid', digest: mid.digest, role: 'runtime' }])
    const moved = await push('lib/base', freshContent(null, 'lib'))
    await plan(d)
    expect(await queued()).toEqual([ref('app/mid')])
    expect(await states('app/mid', 'app/leaf')).toEqual(['queued', 'waiting'])
    return { bases: [{ name: 'lib/base', digest: moved, role: 'build' as const }], mid }
  }

  test('and out of which comes the same release under another digest: nothing that is based on it is built', async () => {
    const { bases, mid } = await family()
    const again = makeContent(null, step('mid'), day(2))
    expect(again.digest).not.toBe(mid.digest)
    expect(await build('app/mid', again, bases)).toMatchObject({ state: 'succeeded', digest: again.digest })
    await plan(d)
    expect(await queued()).toEqual([])
    expect([await status('app/mid'), await status('app/leaf')]).toEqual(['current', 'current'])
    expect(await states('app/mid', 'app/leaf')).toEqual(['none', 'none'])
  })

  test('and out of which comes something else: what is based on it is built', async () => {
    const { bases } = await family()
    await build('app/mid', makeContent(null, step('other'), day(2)), bases)
    await plan(d)
    expect(await queued()).toEqual([ref('app/leaf')])
  })
})

test('a build whose push does not begin with the base that moved fails once, and is not made again', async () => {
  const old = freshContent(null, 'base')
  const first = await push('lib/base', old)
  await recipe('app/child')
  await push('app/child', makeContent(old, step('child'), day(1)))
  const moved = await push('lib/base', freshContent(null, 'base'))
  await plan(d)
  const content = makeContent(old, step('child'), day(2))
  const failed = await build('app/child', content, [{ name: 'lib/base', digest: first, role: 'runtime' }])
  expect(failed).toMatchObject({ state: 'failed', digest: content.digest, error: { code: 'still-outdated' } })
  expect(failed.reason).toMatchObject({ to: moved })
  for (let look = 0; look < 3; look++) await plan(d)
  expect(await queued()).toEqual([])
  expect(await states('app/child')).toEqual(['failed'])
  expect(await d.db.build.count({ where: { ref: ref('app/child') } })).toBe(1)
})
