import { describe, expect, test } from '@jest/globals'
import { cancelBuild } from '../../src/build/cancel.ts'
import { approvePlan, cancelPlan } from '../../src/plan/decide-plan.ts'
import { plan } from '../../src/plan/make-plan.ts'
import { children, planWorld } from './plan-world.ts'
import { ref } from './stored-verdicts.ts'

/** A base that leaves a digest and comes back to it: what was decided then says nothing of now. */
const w = planWorld()
const { d, plans } = w
const roots = async () => (await plans()).map(({ root, state }) => [root.replace(/#.*/, '#'), state])
const state = async (name: string) => (await w.state(name)).state
const lastBuild = async (name: string) => (await w.s.builds(name)).at(-1)!
const rootAt = (digest: string) => `${ref('lib/base')}@${digest}`

/** So many children of a base, all current. */
async function family(n: number): Promise<void> {
  await w.s.push('lib/base', 'base-1')
  await w.s.judge('lib/base', [])
  for (const name of children(n)) {
    await w.s.push(name, `${name}-1`)
    await w.s.recipe(name)
    await w.s.judge(name, [{ name: 'lib/base' }])
  }
}
/** The base is at `to` from now on; children that are not on that are outdated. */
async function move(to: string, n: number, on = 'base-1'): Promise<void> {
  w.seconds += 100
  await w.s.push('lib/base', to)
  for (const name of children(n))
    await w.s.judge(name, [{ name: 'lib/base' }], to === on ? [] : [{ base: 'lib/base', to }])
  await plan(d())
}
const built = (name: string, on: string) => w.built(name, `${name} on ${on}`, [{ name: 'lib/base' }])

describe('a base that comes back to content', () => {
  test('whose plan a person cancelled sets off a new one, which builds; the cancelled one stays what it was', async () => {
    await family(1)
    await move('base-2', 1)
    const [cancelled] = await plans()
    expect(await cancelPlan(d(), cancelled!.id, 'ann')).toBe('done')
    await plan(d())
    expect(await state('app/c00')).toBe('manual')
    await move('base-3', 1)
    await built('app/c00', 'base-3')
    await plan(d())
    await move('base-2', 1, 'base-3')
    expect(await state('app/c00')).toBe('queued')
    expect(await lastBuild('app/c00')).toMatchObject({ state: 'queued', root: rootAt('base-2') })
    expect(await roots()).toEqual([
      [`${rootAt('base-2')}#`, 'cancelled'],
      [rootAt('base-3'), 'done'],
      [rootAt('base-2'), 'open'],
    ])
    expect((await plans())[0]).toMatchObject({ id: cancelled!.id, because: { message: 'cancelled by ann' } })
  })

  test('directly, from where it was before that plan: also then', async () => {
    await family(1)
    await move('base-2', 1)
    await cancelPlan(d(), (await plans())[0]!.id, 'ann')
    await move('base-1', 1)
    expect(await state('app/c00')).toBe('none')
    await move('base-2', 1)
    expect(await state('app/c00')).toBe('queued')
  })

  test('twice, cancelled each time, is held each time until it moves', async () => {
    await family(1)
    for (let times = 1; times < 4; times++) {
      await move('base-2', 1)
      const open = (await plans()).find((one) => one.state === 'open')!
      expect(open.root).toBe(rootAt('base-2'))
      await cancelPlan(d(), open.id, 'ann')
      for (let looks = 0; looks < 2; looks++) {
        w.seconds += 1000
        await plan(d())
        expect([await state('app/c00'), (await plans()).length]).toEqual(['manual', times])
      }
      await move('base-1', 1)
    }
  })

  test('whose builds a person cancelled builds again; while it stays put nothing does', async () => {
    await family(1)
    await move('base-2', 1)
    expect(await cancelBuild(d(), (await lastBuild('app/c00')).id)).toBe('cancelled')
    await plan(d())
    expect(await state('app/c00')).toBe('manual')
    await move('base-1', 1)
    await move('base-2', 1)
    expect(await state('app/c00')).toBe('queued')
    expect((await roots()).map(([, now]) => now)).toEqual(['done', 'open'])
  })

  test('that was approved asks again', async () => {
    const limited = d({ approveOver: 1 })
    await family(2)
    await move('base-2', 2)
    await plan(limited)
    await w.pg.sql`update plan set state = 'approval'`
    await approvePlan(limited, (await plans())[0]!.id, 'ann')
    await plan(limited)
    for (const name of children(2)) await built(name, 'base-2')
    await plan(limited)
    await move('base-1', 2, 'base-2')
    for (const name of children(2)) await built(name, 'base-1')
    await plan(limited)
    w.seconds += 100
    await w.s.push('lib/base', 'base-2')
    for (const name of children(2)) await w.s.judge(name, [{ name: 'lib/base' }], [{ base: 'lib/base', to: 'base-2' }])
    await plan(limited)
    expect((await roots()).at(-1)).toEqual([rootAt('base-2'), 'approval'])
    expect(await state('app/c00')).toBe('approval')
  })

  test('on which most of the first builds failed is tried anew, and stopped anew', async () => {
    await family(12)
    const failSix = async () => {
      for (const name of children(6)) {
        await w.s.run(name)
        w.seconds += 1
        await w.s.end(name, null)
      }
      await plan(d())
    }
    await move('base-2', 12)
    await failSix()
    expect(await roots()).toEqual([[rootAt('base-2'), 'stopped']])
    await move('base-1', 12)
    expect(await roots()).toEqual([[rootAt('base-2'), 'done']])
    w.seconds += 100_000
    await move('base-2', 12)
    expect((await roots()).map(([, now]) => now)).toEqual(['done', 'open'])
    expect(await state('app/c11')).toBe('queued')
    await failSix()
    expect((await roots()).map(([, now]) => now)).toEqual(['done', 'stopped'])
  })

  test('of which nothing had come yet has the plan it had', async () => {
    await family(1)
    await move('base-2', 1)
    await move('base-1', 1)
    await move('base-2', 1)
    expect(await roots()).toEqual([[rootAt('base-2'), 'open']])
    expect((await w.s.builds()).map((build) => build.state)).toEqual(['cancelled', 'queued'])
  })
})

test('a registry whose clock is ahead does not undo what a person cancelled', async () => {
  await family(1)
  w.seconds += 3600
  await w.s.push('lib/base', 'base-2')
  await w.s.judge('app/c00', [{ name: 'lib/base' }], [{ base: 'lib/base', to: 'base-2' }])
  w.seconds -= 1800
  await w.pg.sql`update tag set judged_at = ${w.clock()}`
  await plan(d())
  await cancelPlan(d(), (await plans())[0]!.id, 'ann')
  await plan(d())
  expect([await state('app/c00'), await roots()]).toEqual(['manual', [[rootAt('base-2'), 'cancelled']]])
})
