import { describe, expect, test } from '@jest/globals'
import { Recipe } from '../../src/build/recipe.ts'
import { putRecipe } from '../../src/build/recipes.ts'
import { approvePlan, cancelPlan } from '../../src/plan/decide-plan.ts'
import { plan } from '../../src/plan/make-plan.ts'
import { planNodes } from '../../src/plan/read-plans.ts'
import { children, planWorld } from './plan-world.ts'
import { ref } from './stored-verdicts.ts'

/** Recipes that are changed, many at once, as `recipe apply` does: real recipes, verdicts as stored. */
const w = planWorld()
const { d, plans, only } = w
const state = async (name: string) => (await w.state(name)).state
const inState = async (state: string) => (await w.inState(state)).length

const recipeOf = (version: string, more: Record<string, unknown> = {}) =>
  Recipe.parse({ strategy: 'rebase', auto: true, args: { VERSION: version }, ...more })
/** As the refresh does that follows: all is judged. */
async function put(name: string, recipe: Recipe): Promise<void> {
  await putRecipe(d(), ref(name), recipe)
  await w.pg.sql`delete from dirty`
}
/** Tags that are what we pushed last, of recipes of version 1; and `app/grand` on the first of them. */
async function ours(n: number): Promise<void> {
  await w.s.push('lib/base', 'base-1')
  await w.s.judge('lib/base', [])
  for (const name of [...children(n), 'app/grand']) {
    await w.s.push(name, `${name}-1`)
    await w.s.judge(name, [{ name: name === 'app/grand' ? 'app/c00' : 'lib/base' }])
    await put(name, recipeOf('1'))
    await w.pg.sql`
      insert into build (ref, key, state, reason, recipe, created_at, started_at, finished_at, digest)
      select ref, 'k', 'succeeded', '{"kind":"manual"}', spec, ${w.clock()}, ${w.clock()}, ${w.clock()}, ${`${name}-1`} from recipe where ref = ${ref(name)}`
  }
  await plan(d())
  expect(await plans()).toEqual([])
  w.seconds += 3600
}
async function built(name: string): Promise<void> {
  await w.s.run(name)
  w.seconds += 5
  await w.s.push(name, `${name}-2`)
  await w.s.end(name, `${name}-2`)
}

describe('recipes that are changed together', () => {
  test('have one plan, of all that follows; it is done when everything is built', async () => {
    await ours(3)
    for (const name of children(3)) {
      w.seconds += 20
      await put(name, recipeOf('2'))
      await plan(d())
    }
    const made = await only()
    expect(made).toMatchObject({ base: null, from: null, to: null, state: 'open', toBuild: 4, nodes: 4 })
    expect(made.root).toBe('recipes@2026-01-05T13:00:20.000Z')
    const levels = (await planNodes(d(), made.id, { after: null, limit: 10 })).map((node) => [node.ref, node.level])
    expect(levels).toEqual([...children(3).map((name) => [ref(name), 1]), [ref('app/grand'), 2]])
    expect(await w.pg.sql`select distinct root, plan_id from build where state = 'queued'`).toEqual([
      { root: made.root, planId: made.id },
    ])
    for (const name of children(3)) await built(name)
    await w.s.judge('app/grand', [{ name: 'app/c00' }], [{ base: 'app/c00', to: 'app/c00-2' }])
    await plan(d())
    expect(await w.s.builds('app/grand')).toMatchObject([
      { state: 'succeeded' },
      { state: 'queued', root: made.root, reason: { kind: 'base-moved', plan: made.id } },
    ])
    await built('app/grand')
    await w.s.judge('app/grand', [{ name: 'app/c00' }])
    await plan(d())
    expect(await only()).toMatchObject({ state: 'done', because: null, builds: { succeeded: 4 } })
  })

  test('over the limit wait for approval, also where that shows one by one; what is queued is taken back', async () => {
    await ours(4)
    for (const name of children(4)) {
      await put(name, recipeOf('2'))
      await plan(d({ approveOver: 3 }))
    }
    const waiting = await only()
    expect(waiting).toMatchObject({ state: 'approval', toBuild: 5, because: { code: 'too-many' } })
    expect([await inState('queued'), await inState('running')]).toEqual([0, 0])
    expect(await state('app/c00')).toBe('approval')
    expect(await approvePlan(d(), waiting.id, 'ann')).toBe('done')
    await plan(d({ approveOver: 3 }))
    expect(await inState('queued')).toBe(4)
    expect(await only()).toMatchObject({ state: 'open', approvedNodes: 5 })
  })

  test('are stopped when most of the first fail, and nothing of them starts when a person cancels', async () => {
    await ours(12)
    await w.pg.sql`insert into namespace (key) values ('app') on conflict do nothing`
    await w.pg.sql`insert into person (name, email) values ('ann', 'ann@example.org') on conflict do nothing`
    await w.pg
      .sql`insert into member (namespace_key, user_name, role) values ('app', 'ann', 'owner') on conflict do nothing`
    for (const name of children(12)) await put(name, recipeOf('2'))
    await plan(d())
    for (const name of children(6)) {
      await w.s.run(name)
      w.seconds += 1
      await w.s.end(name, null)
    }
    await plan(d())
    const stopped = await only()
    expect(stopped).toMatchObject({ state: 'stopped', because: { code: 'too-many-failures' } })
    expect(await inState('queued')).toBe(0)
    expect(await w.pg.sql`select "to", subject from mail`).toEqual([
      { to: 'ann@example.org', subject: 'Stopped: rebuilds on changed recipes fail' },
    ])
    expect(await cancelPlan(d(), stopped.id, 'ann')).toBe('done')
    await plan(d())
    expect([await state('app/c11'), await inState('queued')]).toEqual(['manual', 0])
    w.seconds += 3600
    await put('app/c11', recipeOf('3'))
    await plan(d())
    expect((await plans()).map((one) => one.state)).toEqual(['cancelled', 'open'])
    expect(await w.s.builds('app/c11')).toMatchObject([{}, {}, { state: 'queued' }])
  })

  test.each(['cancelled', 'stopped'] as const)(
    'and %s hold up neither a correction nor what another namespace stores soon after',
    async (ended) => {
      await ours(2)
      await put('app/c00', recipeOf('wrong'))
      await plan(d())
      const first = await only()
      if (ended === 'cancelled') await cancelPlan(d(), first.id, 'ann')
      else await w.pg.sql`update plan set state = 'stopped', ended_at = ${w.clock()}`
      await w.pg.sql`update build set state = 'cancelled', finished_at = ${w.clock()} where state = 'queued'`
      w.seconds += 6
      await put('app/c00', recipeOf('right'))
      w.seconds += 1
      await put('app/c01', recipeOf('2'))
      await plan(d())
      expect([await state('app/c00'), await state('app/c01')]).toEqual(['queued', 'queued'])
      expect((await plans()).map(({ state: now, toBuild }) => [now, toBuild])).toEqual([
        [ended === 'cancelled' ? 'cancelled' : 'done', 2],
        ['open', 3],
      ])
    },
  )

  test('later are another change; and so is auto, given to what was changed before', async () => {
    await ours(2)
    await put('app/c00', recipeOf('2'))
    await put('app/c01', recipeOf('2', { auto: false }))
    w.seconds += 3600
    await put('app/c01', recipeOf('2'))
    await plan(d())
    const roots = (await plans()).map(({ root }) => root)
    expect(roots.sort()).toEqual(['recipes@2026-01-05T13:00:00.000Z', 'recipes@2026-01-05T14:00:00.000Z'])
  })
})

test('recipes that are put back before anything ran start nothing, and their plan is over', async () => {
  await ours(2)
  for (const name of children(2)) await put(name, recipeOf('2'))
  await plan(d())
  expect(await inState('queued')).toBe(2)
  for (const name of children(2)) await put(name, recipeOf('1'))
  await plan(d())
  expect(await inState('queued')).toBe(0)
  expect(await only()).toMatchObject({ state: 'done', because: { code: 'no-longer-wanted' } })
})

describe('an approval', () => {
  /** A base on which so many more tags turn out to be based, each time the base is looked at. */
  const grow = async (from: number, to: number) => {
    for (const name of children(to).slice(from)) {
      await w.s.push(name, `${name}-1`)
      await w.s.recipe(name)
      await w.s.judge(name, [{ name: 'lib/base' }], [{ base: 'lib/base', to: 'base-2' }])
    }
  }
  test('is for the tags there were: more than the limit beyond these need it again', async () => {
    const limit = d({ approveOver: 3 })
    await w.s.push('lib/base', 'base-1')
    await w.s.push('lib/base', 'base-2')
    await w.s.judge('lib/base', [])
    await grow(0, 5)
    await plan(limit)
    const { id } = await only()
    await approvePlan(limit, id, 'ann')
    await grow(5, 8)
    await plan(limit)
    expect(await only()).toMatchObject({ state: 'open', toBuild: 8, approvedNodes: 5 })
    expect(await inState('queued')).toBe(8)
    await grow(8, 9)
    await plan(limit)
    expect(await only()).toMatchObject({ state: 'approval', toBuild: 9, because: { code: 'too-many' } })
    expect((await only()).because?.message).toBe(
      '9 tags would be built, 5 were approved, and more than 3 beyond that need it again',
    )
    expect(await inState('queued')).toBe(0)
    await approvePlan(limit, id, 'bob')
    await plan(limit)
    expect(await only()).toMatchObject({ state: 'open', approvedBy: 'bob', approvedNodes: 9 })
    expect(await inState('queued')).toBe(9)
  })

  test('of a plan that was over does not let it grow without another one', async () => {
    const limit = d({ approveOver: 1 })
    await w.s.push('lib/base', 'base-1')
    await w.s.push('lib/base', 'base-2')
    await w.s.judge('lib/base', [])
    await grow(0, 2)
    await plan(limit)
    const { id } = await only()
    await approvePlan(limit, id, 'ann')
    for (const name of children(2)) await w.s.judge(name, [{ name: 'lib/base' }])
    await plan(limit)
    expect((await only()).state).toBe('done')
    await grow(0, 4)
    await plan(limit)
    expect(await only()).toMatchObject({ id, state: 'approval', toBuild: 4, approvedNodes: 2 })
    expect(await inState('queued')).toBe(0)
  })
})
