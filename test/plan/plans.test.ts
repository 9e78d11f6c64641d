import { describe, expect, test } from '@jest/globals'
import { requestBuild } from '../../src/build/request.ts'
import { cancelPlan } from '../../src/plan/decide-plan.ts'
import { plan } from '../../src/plan/make-plan.ts'
import { findPlan, planNodes } from '../../src/plan/read-plans.ts'
import { movedFamily, planWorld } from './plan-world.ts'
import { ref } from './stored-verdicts.ts'

const w = planWorld(Date.now())
const { d, only } = w
const family = (n: number) => movedFamily(w, n)
const built = (name: string) => w.built(name, `${name}-2`, [{ name: 'lib/base' }])
const nodes = async (id: string) =>
  (await planNodes(d(), id, { after: null, limit: 100 })).map((n) => [n.ref, n.level, n.because, n.state])
const state = async (name: string) => (await w.state(name)).state

describe('a plan', () => {
  test('is made of what is foreseen, before anything runs; its builds belong to it; it is done when nothing is left', async () => {
    await family(2)
    await w.s.push('app/none', 'none-1')
    await w.s.judge('app/none', [{ name: 'lib/base' }], [{ base: 'lib/base', to: 'base-2' }])
    await w.s.push('app/on-none', 'on-none-1')
    await w.s.recipe('app/on-none')
    await w.s.judge('app/on-none', [{ name: 'app/none' }], [{ base: 'lib/base', to: 'base-2', via: 'app/none' }])
    await plan(d({}, 60))
    expect(await w.s.builds()).toEqual([])
    const made = await only()
    expect(made).toMatchObject({
      ...{ root: `${ref('lib/base')}@base-2`, base: ref('lib/base'), to: 'base-2', state: 'open', because: null },
      ...{ nodes: 5, toBuild: 3, cycles: [], truncated: false, seconds: null },
    })
    expect(await nodes(made.id)).toEqual([
      [ref('app/c00'), 1, null, 'queued'],
      [ref('app/c01'), 1, null, 'queued'],
      [ref('app/grand'), 2, null, 'waiting'],
      [ref('app/none'), null, 'no-recipe', 'none'],
      [ref('app/on-none'), null, 'waits', 'waiting'],
    ])
    await plan(d())
    const builds = await w.s.builds()
    expect(builds.map((b) => [b.ref, b.reason.plan])).toEqual([
      [ref('app/c00'), made.id],
      [ref('app/c01'), made.id],
    ])
    expect(await w.pg.sql`select distinct plan_id from build`).toEqual([{ planId: made.id }])
    await built('app/c00')
    await w.s.judge('app/grand', [{ name: 'app/c00' }], [{ base: 'app/c00', to: 'app/c00-2' }])
    await built('app/c01')
    await plan(d())
    expect(await w.s.builds('app/grand')).toMatchObject([{ reason: { plan: made.id }, root: made.root }])
    await built('app/grand')
    await plan(d())
    expect(await only()).toMatchObject({ id: made.id, state: 'done', because: null, builds: { succeeded: 3 } })
    expect((await nodes(made.id)).map(([, , , now]) => now)).toEqual(['built', 'built', 'built', 'none', 'waiting'])
  })

  test('is not over while what came of a build of it waits to be judged', async () => {
    await family(1)
    await plan(d())
    await w.s.run('app/c00')
    w.seconds += 5
    await w.s.push('app/c00', 'c00-2')
    await w.s.judge('app/c00', [{ name: 'lib/base' }])
    await w.s.judge('app/grand', [{ name: 'app/c00' }])
    await w.s.end('app/c00', 'c00-2')
    await w.pg.sql`insert into dirty (kind, key) values ('tag', ${ref('app/grand')})`
    await plan(d())
    expect(await only()).toMatchObject({ state: 'open', endedAt: null })
    await w.pg.sql`update dirty set key = ${ref('app/elsewhere')}`
    await plan(d())
    expect(await only()).toMatchObject({ state: 'done', because: null })
  })

  test('is not over while its last build runs, whose push is judged already', async () => {
    await family(1)
    await plan(d())
    await w.s.run('app/c00')
    w.seconds += 5
    await w.s.push('app/c00', 'c00-2')
    await w.s.judge('app/c00', [{ name: 'lib/base' }])
    await w.s.judge('app/grand', [{ name: 'app/c00' }])
    await plan(d())
    expect(await only()).toMatchObject({ state: 'open', because: null, endedAt: null })
    await w.s.end('app/c00', 'c00-2')
    await plan(d())
    expect(await only()).toMatchObject({ state: 'done', because: null, builds: { succeeded: 1 } })
  })

  test('is over with a reason when the base is back, and taken up again when it moves there again', async () => {
    await family(1)
    await plan(d())
    await w.s.judge('app/c00', [{ name: 'lib/base' }])
    await w.s.judge('app/grand', [{ name: 'app/c00' }])
    await plan(d())
    expect(await only()).toMatchObject({ state: 'done', because: { code: 'no-longer-wanted' } })
    expect(await w.s.builds()).toMatchObject([{ state: 'cancelled' }])
    w.seconds += 1
    await w.s.judge('app/c00', [{ name: 'lib/base' }], [{ base: 'lib/base', to: 'base-2' }])
    await plan(d())
    expect(await only()).toMatchObject({ state: 'open', because: null, endedAt: null })
    expect((await w.s.builds()).map((b) => b.state)).toEqual(['cancelled', 'queued'])
  })

  test('takes in what becomes due later without having been foreseen', async () => {
    await family(1)
    await w.s.push('app/late', 'late-1')
    await w.s.judge('app/late', [{ name: 'lib/base' }], [{ base: 'lib/base', to: 'base-2' }])
    await plan(d())
    await w.s.recipe('app/late')
    await plan(d())
    const { id } = await only()
    expect((await nodes(id)).map(([name, level]) => [name, level])).toContainEqual([ref('app/late'), 1])
    expect(await w.s.builds('app/late')).toMatchObject([{ reason: { plan: id } }])
  })

  test('covers what follows from a build that a person asked for', async () => {
    await family(1)
    await w.s.judge('app/c00', [{ name: 'lib/base' }])
    await w.s.judge('app/grand', [{ name: 'app/c00' }])
    const asked = await requestBuild(d(), { ref: ref('app/c00'), reason: { kind: 'manual' }, root: null })
    if (asked === 'no-recipe') throw new Error('there is a recipe')
    await built('app/c00')
    await w.s.judge('app/grand', [{ name: 'app/c00' }], [{ base: 'app/c00', to: 'app/c00-2' }])
    await plan(d())
    const made = await only()
    expect(made).toMatchObject({ root: asked.build.id, base: ref('app/c00'), toBuild: 1 })
    expect(await w.s.builds('app/grand')).toMatchObject([{ reason: { plan: made.id } }])
  })
})

test('a plan is found by its id', async () => {
  await family(1)
  await plan(d())
  const made = await only()
  expect(await findPlan(d(), made.id)).toEqual(made)
  expect(await findPlan(d(), crypto.randomUUID())).toBeNull()
})

test('what a running build of ours has just pushed makes no plan of its own', async () => {
  await family(1)
  await plan(d())
  await w.s.run('app/c00')
  await w.s.push('app/c00', 'c00-2')
  await w.s.judge('app/c00', [{ name: 'lib/base' }])
  await w.s.judge('app/grand', [{ name: 'app/c00' }], [{ base: 'app/c00', to: 'c00-2' }])
  await plan(d())
  expect(await only()).toMatchObject({ state: 'open', base: ref('lib/base') })
  await w.s.end('app/c00', 'c00-2')
  await plan(d())
  expect(await only()).toMatchObject({ state: 'open', base: ref('lib/base') })
  expect((await w.s.builds()).filter((b) => b.state === 'queued')).toMatchObject([{ ref: ref('app/grand') }])
})

test('what somebody puts elsewhere, of what a build of ours pushed, is a change of its own', async () => {
  await family(1)
  await plan(d())
  const { id } = await only()
  await built('app/c00')
  await w.s.judge('app/grand', [{ name: 'app/c00' }])
  await cancelPlan(d(), id, 'ann')
  w.seconds += 100
  await w.s.push('lib/prod', 'prod-1')
  await w.s.judge('lib/prod', [])
  await w.s.push('app/user', 'user-1')
  await w.s.recipe('app/user')
  await w.s.push('lib/prod', 'app/c00-2')
  await w.s.judge('app/user', [{ name: 'lib/prod' }], [{ base: 'lib/prod', to: 'app/c00-2' }])
  await plan(d({}, 60))
  expect(await state('app/user')).toBe('queued')
  expect(await w.s.builds('app/user')).toEqual([])
  await plan(d())
  expect((await w.s.builds('app/user')).map(({ root }) => root)).toEqual([`${ref('lib/prod')}@app/c00-2`])
})

test('a push that the registry never shows is not waited for once something else was pushed over it', async () => {
  await family(1)
  await plan(d())
  await w.s.run('app/c00')
  w.seconds += 5
  await w.s.end('app/c00', 'app/c00-2')
  await plan(d())
  expect(await state('app/c00')).toBe('waiting')
  w.seconds += 5
  await w.s.push('app/c00', 'app/c00-other')
  await w.s.judge('app/c00', [{ name: 'lib/base' }], [{ base: 'lib/base', to: 'base-2' }])
  await plan(d())
  expect(await state('app/c00')).toBe('queued')
})

test('a plan of which the rest waits for a base that nobody rebuilds says so', async () => {
  await family(1)
  await plan(d())
  await w.pg
    .sql`update recipe set auto = false, spec = jsonb_set(spec, '{auto}', 'false') where ref = ${ref('app/c00')}`
  await plan(d())
  expect(await only()).toMatchObject({ state: 'done', because: { code: 'blocked' } })
  expect((await only()).because?.message).toContain(ref('app/c00'))
})
