import { describe, expect, test } from '@jest/globals'
import { requestBuild } from '../../src/build/request.ts'
import { approvePlan, cancelPlan } from '../../src/plan/decide-plan.ts'
import { plan } from '../../src/plan/make-plan.ts'
import { children, movedFamily, planWorld } from './plan-world.ts'
import { ref } from './stored-verdicts.ts'

/** What people and failures decide of a plan. */
const w = planWorld(Date.now())
const { d, plans, only } = w
const family = (n: number) => movedFamily(w, n)
const state = async (name: string) => (await w.state(name)).state

describe('a person', () => {
  test('approves what is large; before that nothing starts', async () => {
    await family(3)
    await plan(d({ approveOver: 3 }))
    const made = await only()
    expect(made).toMatchObject({ state: 'approval', because: { code: 'too-many' }, toBuild: 4 })
    expect([await state('app/c00'), await state('app/grand'), await w.s.builds()]).toEqual(['approval', 'waiting', []])
    expect(await approvePlan(d(), made.id, 'ann')).toBe('done')
    await plan(d({ approveOver: 3 }))
    expect(await only()).toMatchObject({ state: 'open', because: null, approvedBy: 'ann' })
    expect(await w.s.builds()).toHaveLength(3)
    expect(await approvePlan(d(), made.id, 'ann')).toBe('done')
  })

  test('cancels: queued builds go, running ones end, nothing of it starts any more; the next move is another plan', async () => {
    await family(2)
    await plan(d())
    await w.s.run('app/c00')
    const { id } = await only()
    expect(await cancelPlan(d(), id, 'ann')).toBe('done')
    await plan(d())
    expect((await w.s.builds()).map((b) => b.state)).toEqual(['running', 'cancelled'])
    expect(await state('app/c01')).toBe('manual')
    await w.s.push('app/c00', 'app/c00-2')
    await w.s.judge('app/c00', [{ name: 'lib/base' }])
    await w.s.end('app/c00', 'app/c00-2')
    await w.s.judge('app/grand', [{ name: 'app/c00' }], [{ base: 'app/c00', to: 'app/c00-2' }])
    await plan(d())
    expect(await w.s.builds('app/grand')).toEqual([])
    expect(await approvePlan(d(), id, 'ann')).toBe('over')
    await w.s.push('lib/base', 'base-3')
    w.seconds += 1
    await w.s.judge('app/c01', [{ name: 'lib/base' }], [{ base: 'lib/base', to: 'base-3' }])
    await plan(d())
    expect((await plans()).map((p) => p.state).sort()).toEqual(['cancelled', 'open'])
    expect((await w.s.builds('app/c01')).map((b) => b.state)).toEqual(['cancelled', 'queued'])
  })

  test('makes a queued build of the planner theirs; and tries again what failed', async () => {
    await family(1)
    await plan(d())
    const ask = () => requestBuild(d(), { ref: ref('app/c00'), reason: { kind: 'manual' }, root: null, note: 'now' })
    expect(await ask()).toMatchObject({ created: false })
    const mine = { automatic: false, priority: 0, note: 'now', kind: 'base-moved' }
    const rows = () =>
      w.pg.sql`select automatic, priority, note, reason->>'kind' as kind from build order by created_at desc`
    expect(await rows()).toEqual([mine])
    await w.s.run('app/c00')
    await w.s.end('app/c00', null)
    w.seconds += 1
    await ask()
    expect((await rows())[0]).toMatchObject({ automatic: false, kind: 'retry' })
  })
})

describe('a plan whose first builds fail', () => {
  const fail = async (names: string[]) => {
    for (const name of names) {
      await w.s.run(name)
      w.seconds += 1
      await w.s.end(name, null)
    }
  }
  test('is stopped at the sixth failure, and its people are told; approval counts anew', async () => {
    await w.pg.sql`insert into namespace (key) values ('lib'), ('app')`
    await w.pg.sql`insert into person (name, email) values ('ann', 'ann@example.org'), ('bob', 'bob@example.org')`
    await w.pg
      .sql`insert into member (namespace_key, user_name, role) values ('lib', 'ann', 'owner'), ('lib', 'bob', 'viewer'), ('app', 'ann', 'contributor')`
    await family(12)
    await plan(d())
    await fail(children(5))
    await plan(d())
    expect((await only()).state).toBe('open')
    await fail([children(6)[5]!])
    await plan(d())
    const { id, ...stopped } = await only()
    expect(stopped).toMatchObject({ state: 'stopped', because: { code: 'too-many-failures' } })
    expect((await w.s.builds()).filter((b) => b.state === 'queued')).toEqual([])
    expect(await state('app/c11')).toBe('approval')
    const mails = await w.pg.sql<{ to: string; subject: string; text: string; state: string }[]>`select * from mail`
    expect(mails).toMatchObject([
      { to: 'ann@example.org', state: 'kept', subject: expect.stringContaining(ref('lib/base')) },
    ])
    expect(mails[0]!.text).toContain(`drydock approve ${id}`)
    await plan(d())
    expect(await w.pg.sql`select from mail`).toHaveLength(1)
    w.seconds += 1
    expect(await approvePlan(d(), id, 'ann')).toBe('done')
    await plan(d())
    expect((await only()).state).toBe('open')
    expect((await w.s.builds()).filter((b) => b.state === 'queued')).toHaveLength(12)
    await fail(children(6))
    await plan(d())
    expect(await w.pg.sql`select plan_id, plan_stop from mail order by plan_stop`).toMatchObject([
      { planId: id, planStop: 1 },
      { planId: id, planStop: 2 },
    ])
  })

  test('because a registry or a host is away goes on, and its tags are tried again after minutes', async () => {
    await family(12)
    await plan(d())
    for (let tries = 0; tries < 3; tries++) {
      for (const name of children(12)) {
        await w.s.run(name)
        await w.s.end(name, null, 'unreachable', true)
      }
      w.seconds += 1
      await plan(d())
    }
    expect((await only()).state).toBe('open')
    expect((await w.s.builds()).filter((b) => b.state === 'queued')).toEqual([])
    w.seconds += 60
    await plan(d())
    expect((await w.s.builds()).filter((b) => b.state === 'queued')).toHaveLength(12)
  })

  test('of fewer than ten is not stopped before ten were tried', async () => {
    await family(5)
    await plan(d())
    for (let i = 0; i < 3; i++) {
      await fail(children(5))
      await plan(d())
      w.seconds += 7200
      await plan(d())
    }
    expect(await only()).toMatchObject({ state: 'open', builds: { failed: 15 } })
  })
})

test('a stopped plan is over once nothing of its root is left', async () => {
  await family(12)
  await plan(d())
  for (const name of children(6)) {
    await w.s.run(name)
    w.seconds += 1
    await w.s.end(name, null, 'git-unreachable')
  }
  await plan(d())
  expect((await only()).state).toBe('stopped')
  for (const name of [...children(12), 'app/grand']) await w.s.judge(name, [{ name: 'lib/base' }])
  await plan(d())
  expect((await only()).state).toBe('done')
})
