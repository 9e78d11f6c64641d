import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { plan } from '../../src/plan/make-plan.ts'
import { listPlans, planNodes } from '../../src/plan/read-plans.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { family, type On, storeRecipe } from './family.ts'
import { planDeps } from './stored-verdicts.ts'

/** Real judge, real planner, real database. Workers are played: they take one build at a time, and push what it makes. */
let pg: TestDatabase
const d = () => planDeps(pg, () => new Date())
beforeAll(async () => {
  pg = await testDatabase()
})
afterAll(() => pg.close())
beforeEach(async () => {
  await pg.sql`truncate tag_span, cause, tag_fact, tag, repository, declaration, index_entry, manifest, dirty, recipe, registry, build, plan, plan_node cascade`
})

const long = (name: string) => `app/${name}:1`
const short = (ref: string) => ref.replace(/^.*\/|:1$/g, '')
type Build = { id: string; ref: string; state: string; root: string; planId: string | null }
const builds = () => pg.sql<Build[]>`select id, ref, state, root, plan_id from build order by created_at, ref`
const inState = async (state: string) => (await builds()).filter((build) => build.state === state)
const queued = async () => (await inState('queued')).map(({ ref }) => short(ref)).sort()
const states = async () => Object.fromEntries((await builds()).map((build) => [short(build.ref), build.state]))

/** Tags with automatic recipes, each on its bases: the first is its runtime base, the others are in build stages and count. */
async function world(tags: Record<string, string[]>) {
  const f = family(d())
  const made = new Map<string, ReturnType<typeof f.build>>()
  f.push(long('base'))
  for (const [ref, on] of Object.entries(tags)) {
    f.push(
      long(ref),
      on.map((base, i): On => (i === 0 ? { base: long(base) } : { base: long(base), role: 'build' })),
    )
    await storeRecipe(pg.sql, long(ref), { on: 'all' })
  }
  await f.store()
  const find = async (ref: string, state: string) => {
    const build = (await inState(state)).find((one) => short(one.ref) === ref)
    if (!build) throw new Error(`no build of ${ref} is ${state}`)
    return build
  }
  return {
    async move() {
      f.push(long('base'))
      await f.store()
      await plan(d())
    },
    async start(ref: string) {
      const { id } = await find(ref, 'queued')
      await pg.sql`update build set state = 'running', started_at = now() where id = ${id}`
      made.set(ref, f.build(long(ref)))
    },
    /** It pushed; the push is judged, then the build is over. */
    async finish(ref: string) {
      const { id } = await find(ref, 'running')
      const digest = f.e.digest(f.publish(long(ref), made.get(ref)!))
      await pg.sql`update build set digest = ${digest} where id = ${id}`
      await f.store()
      await plan(d())
      await pg.sql`update build set state = 'succeeded', finished_at = now() where id = ${id}`
      await plan(d())
    },
    async fail(ref: string) {
      const { id } = await find(ref, 'running')
      await pg.sql`
        update build set state = 'failed', finished_at = now(), error = '{"code":"build-failed","message":"x"}' where id = ${id}`
      await plan(d())
    },
  }
}

async function theOnlyPlan() {
  const [made, ...more] = await listPlans(d(), { state: null, after: null, limit: 10 })
  expect(more).toEqual([])
  const nodes = await planNodes(d(), made!.id, { after: null, limit: 100 })
  return { ...made!, levels: Object.fromEntries(nodes.map(({ ref, level }) => [short(ref), level])) }
}
const outdated = () => pg.sql`select ref from tag where status = 'outdated'`

describe('one move of a base', () => {
  test('a chain three deep is built one after the other, in one plan, of one root', async () => {
    const w = await world({ a: ['base'], b: ['a'], c: ['b'] })
    await w.move()
    expect(await theOnlyPlan()).toMatchObject({ state: 'open', toBuild: 3, levels: { a: 1, b: 2, c: 3 } })
    for (const ref of ['a', 'b', 'c']) {
      expect(await queued()).toEqual([ref])
      await w.start(ref)
      await plan(d())
      expect(await queued()).toEqual([])
      await w.finish(ref)
    }
    const made = await theOnlyPlan()
    expect(made).toMatchObject({ state: 'done', because: null, builds: { succeeded: 3 } })
    const all = await builds()
    expect(all.map((build) => [short(build.ref), build.root, build.planId])).toEqual(
      ['a', 'b', 'c'].map((ref) => [ref, made.root, made.id]),
    )
    expect(await outdated()).toEqual([])
  })

  test.each([
    ['left', 'right'],
    ['right', 'left'],
  ] as const)('a diamond whose %s side is done first: its top is built once, last', async (first, second) => {
    const w = await world({ left: ['base'], right: ['base'], top: ['left', 'right', 'base'] })
    await w.move()
    expect(await queued()).toEqual(['left', 'right'])
    expect((await theOnlyPlan()).levels).toEqual({ left: 1, right: 1, top: 2 })
    await w.start(first)
    await w.finish(first)
    expect(await queued()).toEqual([second])
    await w.start(second)
    await plan(d())
    expect(await queued()).toEqual([])
    await w.finish(second)
    expect(await queued()).toEqual(['top'])
    await w.start('top')
    await w.finish('top')
    expect(await states()).toEqual({ left: 'succeeded', right: 'succeeded', top: 'succeeded' })
    expect(await builds()).toHaveLength(3)
    expect(await outdated()).toEqual([])
    expect((await theOnlyPlan()).state).toBe('done')
  })

  test('a side that fails is tried again, its sibling goes on, and the top waits for it', async () => {
    const w = await world({ left: ['base'], right: ['base'], top: ['left', 'right'], other: ['right'] })
    await w.move()
    await w.start('left')
    await w.start('right')
    await w.fail('left')
    expect(await queued()).toEqual(['left'])
    await w.finish('right')
    expect(await queued()).toEqual(['left', 'other'])
    await w.start('left')
    await w.finish('left')
    expect(await queued()).toEqual(['other', 'top'])
    for (const ref of ['top', 'other']) {
      await w.start(ref)
      await w.finish(ref)
    }
    expect((await theOnlyPlan()).builds).toEqual({ succeeded: 4, failed: 1 })
    expect(await outdated()).toEqual([])
  })

  test('a base nobody rebuilds stays, with what is on it, though that is on the moved base too; the rest goes on', async () => {
    const w = await world({ side: ['base'], stuck: ['base'], top: ['base', 'stuck'] })
    await pg.sql`delete from recipe where ref = 'reg:5000/app/stuck:1'`
    await w.move()
    expect((await theOnlyPlan()).levels).toEqual({ side: 1, stuck: null, top: null })
    await w.start('side')
    await w.finish('side')
    expect(await builds()).toHaveLength(1)
    expect((await theOnlyPlan()).state).toBe('done')
  })
})

test('a base that moves again and again while its child is built: one build runs, one waits, and two are made', async () => {
  const w = await world({ a: ['base'], b: ['a'] })
  await w.move()
  await w.start('a')
  for (let i = 0; i < 5; i++) await w.move()
  expect((await builds()).map(({ state }) => state)).toEqual(['running'])
  await w.finish('a')
  expect(await queued()).toEqual(['a'])
  for (let i = 0; i < 5; i++) await w.move()
  expect((await builds()).map(({ state }) => state)).toEqual(['succeeded', 'queued'])
  for (const ref of ['a', 'b']) {
    await w.start(ref)
    await w.finish(ref)
  }
  expect((await builds()).map(({ ref, state }) => [short(ref), state])).toEqual([
    ['a', 'succeeded'],
    ['a', 'succeeded'],
    ['b', 'succeeded'],
  ])
  expect(await outdated()).toEqual([])
  expect(await pg.sql`select from plan where state <> 'done'`).toHaveLength(0)
})
