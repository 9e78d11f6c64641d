import { describe, expect, test } from '@jest/globals'
import { requestBuild } from '../../src/build/request.ts'
import { approvePlan, cancelPlan } from '../../src/plan/decide-plan.ts'
import { plan } from '../../src/plan/make-plan.ts'
import { planNodes } from '../../src/plan/read-plans.ts'
import { planWorld } from './plan-world.ts'
import { ref } from './stored-verdicts.ts'

/** What becomes of plans while bases, recipes and persons do not keep still. */
const w = planWorld()
const { d, plans, state, inState, built } = w

const names = (n: number) => Array.from({ length: n }, (_, i) => `app/c${i}`)
async function tags(all: Record<string, string[]>): Promise<void> {
  for (const [name, bases] of Object.entries(all)) {
    await w.s.push(name, `${name}-1`)
    await w.s.judge(
      name,
      bases.map((base) => ({ name: base })),
    )
    if (bases.length > 0) await w.s.recipe(name)
  }
  w.seconds += 10
}
/** The base is at this, and these children of it are outdated by it. */
async function move(base: string, to: string, children: string[]): Promise<void> {
  w.seconds += 1
  await w.s.push(base, to)
  for (const name of children) await w.s.judge(name, [{ name: base }], [{ base, to }])
}
const family = (n: number) =>
  tags({ 'lib/base': [], ...Object.fromEntries(names(n).map((name) => [name, ['lib/base']])) })

describe('a base that moves again while its plan waits for approval', () => {
  test('has another plan; the first cannot be approved any more', async () => {
    await family(3)
    const limit = d({ approveOver: 2 })
    await move('lib/base', 'base-2', names(3))
    await plan(limit)
    const [first] = await plans()
    expect(first).toMatchObject({ state: 'approval' })
    await move('lib/base', 'base-3', names(3))
    await plan(limit)
    expect((await plans()).map((one) => one.state)).toEqual(['done', 'approval'])
    expect(await approvePlan(limit, first!.id, 'ann')).toBe('over')
    await plan(limit)
    expect(await inState('queued')).toEqual([])
  })

  test('and back to what was approved: that approval still holds, and each tag is built once', async () => {
    await family(3)
    const limit = d({ approveOver: 2 })
    await move('lib/base', 'base-2', names(3))
    await plan(limit)
    const [first] = await plans()
    await approvePlan(limit, first!.id, 'ann')
    await plan(limit)
    expect(await inState('queued')).toHaveLength(3)
    await w.s.run('app/c0')
    await move('lib/base', 'base-3', names(3))
    await plan(limit)
    expect([await inState('queued'), await inState('running')]).toEqual([[], [ref('app/c0')]])
    await move('lib/base', 'base-2', names(3))
    await plan(limit)
    expect((await inState('queued')).sort()).toEqual([ref('app/c1'), ref('app/c2')])
    await w.s.push('app/c0', 'c0-2')
    await w.s.judge('app/c0', [{ name: 'lib/base' }])
    await w.s.end('app/c0', 'c0-2')
    for (const name of ['app/c1', 'app/c2']) await built(name, `${name}-2`)
    await plan(limit)
    expect((await plans()).map((one) => one.state)).toEqual(['done', 'done'])
    expect(await inState('succeeded')).toHaveLength(3)
  })
})

describe('in the middle of a plan', () => {
  test('a recipe that is removed: its queued build is taken back, and what waits for it says so', async () => {
    await tags({ 'lib/base': [], 'app/mid': ['lib/base'], 'app/top': ['app/mid'] })
    await move('lib/base', 'base-2', ['app/mid'])
    await w.s.judge('app/top', [{ name: 'app/mid' }], [{ base: 'lib/base', to: 'base-2', via: 'app/mid' }])
    await plan(d())
    expect(await inState('queued')).toEqual([ref('app/mid')])
    await w.pg.sql`delete from recipe where ref = ${ref('app/mid')}`
    await plan(d())
    expect(await inState('queued')).toEqual([])
    expect(await state('app/top')).toMatchObject({
      ...{ state: 'waiting', waitsFor: [ref('app/mid')], because: `${ref('app/mid')} has no recipe` },
    })
    expect(await plans()).toMatchObject([{ state: 'done', because: { code: 'blocked' } }])
    await w.s.recipe('app/mid')
    await plan(d())
    expect(await plans()).toMatchObject([{ state: 'open', because: null }])
    expect(await inState('queued')).toEqual([ref('app/mid')])
  })

  test('a namespace that is paused: the others go on, and it goes on where it was', async () => {
    await tags({ 'lib/base': [], 'one/a': ['lib/base'], 'two/a': ['lib/base'], 'two/b': ['two/a'] })
    await move('lib/base', 'base-2', ['one/a', 'two/a'])
    await w.s.judge('two/b', [{ name: 'two/a' }], [{ base: 'lib/base', to: 'base-2', via: 'two/a' }])
    await w.pg.sql`insert into pause (scope) values ('two')`
    await plan(d())
    expect([await inState('queued'), (await state('two/a')).state]).toEqual([[ref('one/a')], 'paused'])
    await built('one/a', 'one-2')
    await plan(d())
    expect(await plans()).toMatchObject([{ state: 'open' }])
    await w.pg.sql`delete from pause`
    await plan(d())
    await built('two/a', 'two-2')
    await w.s.judge('two/b', [{ name: 'two/a' }], [{ base: 'two/a', to: 'two-2' }])
    await plan(d())
    await built('two/b', 'two-b-2')
    await plan(d())
    const [one, ...more] = await plans()
    expect([one?.state, one?.builds, more]).toEqual(['done', { succeeded: 3 }, []])
  })

  test('two bases at once: what is on both is in both plans, built once; cancelling one does not keep the other from it', async () => {
    await tags({ 'lib/one': [], 'lib/two': [], 'app/both': ['lib/one', 'lib/two'], 'app/only': ['lib/one'] })
    w.seconds += 1
    await w.s.push('lib/one', 'one-2')
    await w.s.push('lib/two', 'two-2')
    const [one, two] = [
      { base: 'lib/one', to: 'one-2' },
      { base: 'lib/two', to: 'two-2' },
    ]
    await w.s.judge('app/both', [{ name: 'lib/one' }, { name: 'lib/two' }], [one, two])
    await w.s.judge('app/only', [{ name: 'lib/one' }], [one])
    await plan(d())
    const made = await plans()
    const sizes = new Map(made.map(({ base, toBuild }) => [base, toBuild]))
    expect([sizes.get(ref('lib/one')), sizes.get(ref('lib/two'))]).toEqual([2, 1])
    expect(await inState('queued')).toHaveLength(2)
    await cancelPlan(d(), made.find(({ base }) => base === ref('lib/one'))!.id, 'ann')
    await plan(d())
    expect(await inState('queued')).toEqual([ref('app/both')])
    expect((await w.s.builds('app/both')).at(-1)).toMatchObject({ root: `${ref('lib/two')}@two-2` })
    expect((await state('app/only')).state).toBe('manual')
  })
})

test('what follows from the builds of one push to git is one plan, which grows as they end', async () => {
  await tags({
    'lib/one': [],
    'lib/two': [],
    'app/a': ['lib/one'],
    'app/b': ['lib/two'],
    'app/c': ['lib/one', 'lib/two'],
  })
  const root = 'git@0123'
  for (const name of ['lib/one', 'lib/two']) {
    await w.s.recipe(name)
    await requestBuild(d(), { ref: ref(name), reason: { kind: 'git-push' }, root })
  }
  await built('lib/one', 'one-2')
  const one = { base: 'lib/one', to: 'one-2' }
  await w.s.judge('app/a', [{ name: 'lib/one' }], [one])
  await w.s.judge('app/c', [{ name: 'lib/one' }, { name: 'lib/two' }], [one])
  await plan(d({ approveOver: 2 }))
  const [made] = await plans()
  expect(made).toMatchObject({ root, base: ref('lib/one'), state: 'open', toBuild: 2 })
  expect([await inState('queued'), (await state('app/c')).waitsFor]).toEqual([
    [ref('lib/two'), ref('app/a')],
    [ref('lib/two')],
  ])
  await built('lib/two', 'two-2')
  const two = { base: 'lib/two', to: 'two-2' }
  await w.s.judge('app/b', [{ name: 'lib/two' }], [two])
  await w.s.judge('app/c', [{ name: 'lib/one' }, { name: 'lib/two' }], [one, two])
  await plan(d({ approveOver: 2 }))
  expect(await plans()).toMatchObject([{ root, state: 'approval', toBuild: 3 }])
  await approvePlan(d(), made!.id, 'ann')
  await plan(d({ approveOver: 2 }))
  expect((await inState('queued')).sort()).toEqual([ref('app/a'), ref('app/b'), ref('app/c')])
  const nodes = await planNodes(d(), made!.id, { after: null, limit: 10 })
  expect(nodes.map((node) => [node.ref, node.level])).toEqual(['app/a', 'app/b', 'app/c'].map((name) => [ref(name), 1]))
})
