import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import type { Deps } from '../../src/deps.ts'
import { loadPreview } from '../../src/plan/load-preview.ts'
import { plan } from '../../src/plan/make-plan.ts'
import { preview } from '../../src/plan/preview.ts'
import { listPlans, planNodes } from '../../src/plan/read-plans.ts'
import { rebuildStates } from '../../src/plan/rebuild-states.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { family as familyOf, storeRecipe } from './family.ts'
import { planDeps } from './stored-verdicts.ts'

/** The further tags of a recipe (`tags`) move along with its own: real judge, planner and database. Only the builders are played. */
let pg: TestDatabase
beforeAll(async () => {
  pg = await testDatabase()
})
afterAll(() => pg.close())
beforeEach(async () => {
  await pg.sql`truncate tag_span, cause, tag_fact, tag, repository, declaration, index_entry, manifest, dirty, recipe, registry, build, plan, plan_node cascade`
})

const host = 'reg:5000'
const d = (builds: Partial<Deps['config']['builds']> = {}) => {
  const deps = planDeps(pg, () => new Date())
  return { ...deps, config: { ...deps.config, builds: { ...deps.config.builds, ...builds } } }
}
const short = (ref: string) => ref.replace(`${host}/`, '')
type Family = ReturnType<typeof familyOf>

/** app/a:1 on lib/sys:1 with the further tag app/a:latest; app/b:1 on that. */
async function estate(): Promise<Family> {
  const f = familyOf(d())
  f.push('lib/sys:1')
  const made = f.push('app/a:1', [{ base: 'lib/sys:1' }])
  f.publish('app/a:latest', made)
  f.push('app/b:1', [{ base: 'app/a:latest' }])
  await storeRecipe(pg.sql, 'app/a:1', { tags: ['latest'] })
  await storeRecipe(pg.sql, 'app/b:1')
  await f.store()
  return f
}

async function foreseen(name: string) {
  const loaded = await pg.sql.begin('isolation level repeatable read read only', (tx) =>
    loadPreview(d(), tx, `${host}/${name}`),
  )
  return preview(loaded.input).nodes.map(({ ref, level, decision, waitsFor }) => ({
    ...{ ref: short(ref), level, decision },
    waitsFor: waitsFor.map(short),
  }))
}

async function theOnlyPlan() {
  const [made, ...more] = await listPlans(d(), { state: null, after: null, limit: 10 })
  expect(more).toEqual([])
  const nodes = await planNodes(d(), made!.id, { after: null, limit: 100 })
  return { ...made!, levels: nodes.map(({ ref, level, because }) => [short(ref), level, because]) }
}

const queued = async () =>
  (await pg.sql<{ ref: string }[]>`select ref from build where state = 'queued' order by ref`).map(({ ref }) =>
    short(ref),
  )
const state = async (name: string) => {
  const { movesWith, ...rebuild } = (await rebuildStates(d(), [`${host}/${name}`])).get(`${host}/${name}`)!
  return { ...rebuild, waitsFor: rebuild.waitsFor.map(short), ...(movesWith ? { movesWith: short(movesWith) } : {}) }
}

/** The build that is queued pushes, to these further tags too; the push is judged, then the build is over. */
async function finish(f: Family, name: string, further: string[] = []): Promise<void> {
  await pg.sql`update build set state = 'running', started_at = now() where ref = ${`${host}/${name}`} and state = 'queued'`
  const made = f.build(name)
  for (const to of [name, ...further]) f.publish(to, made)
  const spec = pg.sql`(select spec from recipe where recipe.ref = build.ref)`
  await pg.sql`update build set digest = ${f.e.digest(made)}, recipe = ${spec} where ref = ${`${host}/${name}`} and state = 'running'`
  await f.store()
  await plan(d())
  await pg.sql`update build set state = 'succeeded', finished_at = now() where ref = ${`${host}/${name}`} and state = 'running'`
  await plan(d())
}

const nodes = [
  ['app/a:1', 1, null],
  ['app/a:latest', 1, 'moves-along'],
  ['app/b:1', 2, null],
]

test('what is based on a further tag is foreseen, waits for the tag of the recipe, and is built after it, in one plan', async () => {
  const f = await estate()
  expect(await foreseen('lib/sys:1')).toEqual([
    { ref: 'app/a:1', level: 1, decision: 'rebuild', waitsFor: [] },
    { ref: 'app/a:latest', level: 1, decision: 'moves-along', waitsFor: ['app/a:1'] },
    { ref: 'app/b:1', level: 2, decision: 'rebuild', waitsFor: ['app/a:1'] },
  ])
  f.push('lib/sys:1')
  await f.store()
  await plan(d())
  expect(await theOnlyPlan()).toMatchObject({ state: 'open', toBuild: 2, nodes: 3, levels: nodes })
  expect(await queued()).toEqual(['app/a:1'])
  expect(await state('app/a:latest')).toMatchObject({ state: 'queued', movesWith: 'app/a:1', waitsFor: [] })
  expect(await state('app/b:1')).toEqual({ state: 'waiting', build: null, waitsFor: ['app/a:1'] })
  await finish(f, 'app/a:1', ['app/a:latest'])
  expect(await queued()).toEqual(['app/b:1'])
  await finish(f, 'app/b:1')
  expect(await theOnlyPlan()).toMatchObject({ state: 'done', toBuild: 2, built: 2, levels: nodes })
  expect(await pg.sql`select from tag where status = 'outdated'`).toHaveLength(0)
  expect(await pg.sql`select from build`).toHaveLength(2)
})

test('what is based on it counts for the approval of a plan, before anything is built', async () => {
  const f = await estate()
  f.push('lib/sys:1')
  await f.store()
  await plan(d({ approveOver: 1 }))
  expect(await theOnlyPlan()).toMatchObject({ state: 'approval', toBuild: 2 })
  expect(await queued()).toEqual([])
  expect(await state('app/a:latest')).toMatchObject({ state: 'approval', movesWith: 'app/a:1' })
})

test('a further tag that somebody put elsewhere moves all the same', async () => {
  const f = await estate()
  f.push('lib/far:1')
  f.publish('app/a:latest', f.push('app/far:1', [{ base: 'lib/far:1' }]))
  f.push('app/b:1', [{ base: 'app/a:latest' }])
  await f.store()
  expect((await foreseen('lib/sys:1')).map(({ ref, level }) => [ref, level])).toEqual(
    nodes.map(([ref, level]) => [ref, level]),
  )
  f.push('lib/sys:1')
  await f.store()
  await plan(d())
  expect(await theOnlyPlan()).toMatchObject({ toBuild: 2, levels: nodes })
  await finish(f, 'app/a:1', ['app/a:latest'])
  expect(await queued()).toEqual(['app/b:1'])
})

test('a recipe whose own further tag is a base of it holds nothing up, and ends', async () => {
  const f = await estate()
  f.push('app/a:1', [{ base: 'lib/sys:1' }, { base: 'app/a:latest', role: 'build' }])
  await pg.sql`delete from recipe where ref = ${`${host}/app/a:1`}`
  await storeRecipe(pg.sql, 'app/a:1', { tags: ['latest'], on: 'all' })
  await f.store()
  expect((await foreseen('lib/sys:1')).map(({ ref, level, decision }) => [ref, level, decision])).toEqual([
    ['app/a:1', 1, 'rebuild'],
    ['app/a:latest', 1, 'moves-along'],
    ['app/b:1', 2, 'rebuild'],
  ])
  f.push('lib/sys:1')
  await f.store()
  await plan(d())
  expect(await theOnlyPlan()).toMatchObject({ toBuild: 2, levels: nodes })
  expect(await queued()).toEqual(['app/a:1'])
  await plan(d())
  expect(await queued()).toEqual(['app/a:1'])
  await finish(f, 'app/a:1', ['app/a:latest'])
  expect(await queued()).toEqual(['app/b:1'])
  await finish(f, 'app/b:1')
  expect(await pg.sql`select from build`).toHaveLength(2)
  expect(await pg.sql`select from plan where state <> 'done'`).toHaveLength(0)
})

test('of two recipes the first by name moves it; none where it has a recipe of its own, or none names it', async () => {
  const f = await estate()
  f.push('app/a:0', [{ base: 'lib/sys:1' }])
  await storeRecipe(pg.sql, 'app/a:0', { tags: ['latest'] })
  f.push('lib/sys:1')
  await f.store()
  expect(await state('app/a:latest')).toMatchObject({ movesWith: 'app/a:0' })
  await storeRecipe(pg.sql, 'app/a:latest', { auto: false })
  expect(await state('app/a:latest')).toMatchObject({
    state: 'manual',
    build: null,
    because: 'its recipe says auto: false',
  })
  await pg.sql`delete from recipe where ref <> ${`${host}/app/b:1`}`
  expect(await state('app/a:latest')).toEqual({ state: 'none', build: null, waitsFor: [] })
})

test('a push of the tag by hand moves none of the others', async () => {
  const f = await estate()
  f.push('app/c:1', [{ base: 'app/a:1' }])
  await f.store()
  const { dependents, input } = await pg.sql.begin('isolation level repeatable read read only', (tx) =>
    loadPreview(d(), tx, `${host}/app/a:1`),
  )
  expect([dependents, input.tags.map(({ ref }) => short(ref))]).toEqual([1, ['app/c:1']])
})
