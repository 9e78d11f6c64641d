import { describe, expect, test } from '@jest/globals'
import { cancelPlan } from '../../src/plan/decide-plan.ts'
import { plan } from '../../src/plan/make-plan.ts'
import { movedFamily, planWorld } from './plan-world.ts'
import { ref } from './stored-verdicts.ts'

/** What holds builds up, and what a changed recipe sets off. */
const w = planWorld(Date.now())
const { d, plans, only } = w
const family = (n: number) => movedFamily(w, n)
const built = (name: string) => w.built(name, `${name}-2`, [{ name: 'lib/base' }])
const state = async (name: string) => (await w.state(name)).state

describe('what holds a build up', () => {
  test('a pause: nothing more is queued, what is queued stays; a window: it comes back when that opens', async () => {
    await family(1)
    await w.pg.sql`insert into pause (scope) values ('app')`
    await plan(d())
    expect([await state('app/c00'), await w.s.builds()]).toEqual(['paused', []])
    await w.pg.sql`delete from pause`
    await plan(d())
    await w.pg.sql`insert into pause (scope) values ('*')`
    await plan(d())
    expect(await w.s.builds()).toMatchObject([{ state: 'queued' }])
    expect(await state('app/c00')).toBe('paused')
    await w.pg.sql`delete from pause`
    const hour = (w.clock().getUTCHours() + 2) % 24
    const [from, to] = [hour, (hour + 1) % 24].map((h) => `${String(h).padStart(2, '0')}:00`) as [string, string]
    const closed = {
      windows: [{ days: ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'], from, to, zone: 'UTC' }],
    } as never
    await plan(d(closed))
    expect(await w.s.builds()).toMatchObject([{ state: 'cancelled', code: 'no-longer-wanted' }])
    const later = (await w.s.jobs()).filter((job) => job.key === 'plan:later')
    expect(later.at(-1)!.runAt.toISOString()).toMatch(new RegExp(`T${from}:00`))
  })
})

describe('a recipe that was changed', () => {
  test('is built, by itself, where our push stands; once; not for what does not count', async () => {
    await family(1)
    await plan(d())
    await built('app/c00')
    await w.s.judge('app/grand', [{ name: 'app/c00' }])
    await w.s.recipe('app/c00', { machine: 'big' })
    await plan(d())
    expect(await w.s.builds()).toHaveLength(1)
    w.seconds += 1
    await w.s.recipe('app/c00', { args: { A: '1' } })
    await plan(d())
    await plan(d())
    const [, second, ...more] = await w.s.builds('app/c00')
    expect(more).toEqual([])
    const changed = (await plans()).at(-1)
    expect(changed).toMatchObject({ base: null, to: null, toBuild: 2, state: 'open' })
    expect(second).toMatchObject({
      state: 'queued',
      root: changed!.root,
      reason: { kind: 'manual', plan: changed!.id },
    })
    expect(await w.pg.sql`select note, automatic from build where id = ${second!.id}`).toEqual([
      { note: 'the recipe changed', automatic: true },
    ])
    await w.s.run('app/c00')
    w.seconds += 5
    await w.s.push('app/c00', 'c00-3')
    await w.s.end('app/c00', 'c00-3')
    await plan(d())
    expect(await w.s.builds('app/c00')).toHaveLength(2)
  })

  test('is not built over what somebody else pushed, or where nothing of ours stands', async () => {
    await family(1)
    await plan(d())
    await built('app/c00')
    w.seconds += 1
    await w.s.push('app/c00', 'somebody-elses')
    await w.s.recipe('app/c00', { args: { A: '1' } })
    await w.s.recipe('app/new', { args: { A: '1' } })
    await plan(d())
    expect(await w.s.builds()).toHaveLength(1)
  })
})

test('a changed recipe does not build on a base whose plan waits for approval or was cancelled', async () => {
  await family(3)
  await plan(d({ approveOver: 2 }))
  await w.pg.sql`
    insert into build (ref, key, state, reason, recipe, created_at, started_at, finished_at, digest, bases)
    select ref, 'k', 'succeeded', '{"kind":"manual"}', spec, ${w.clock()}, ${w.clock()}, ${w.clock()}, 'app/c00-1', '[]'::jsonb
    from recipe where ref = ${ref('app/c00')}`
  await w.s.recipe('app/c00', { args: { v: '2' } })
  await plan(d({ approveOver: 2 }))
  expect([await state('app/c00'), (await w.s.builds('app/c00')).length]).toEqual(['approval', 1])
  await cancelPlan(d(), (await only()).id, 'ann')
  await plan(d({ approveOver: 2 }))
  expect([await state('app/c00'), (await w.s.builds('app/c00')).length]).toEqual(['manual', 1])
})
