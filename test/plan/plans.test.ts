import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { requestBuild } from '../../src/build/request.ts'
import type { Deps } from '../../src/deps.ts'
import { approvePlan, cancelPlan } from '../../src/plan/decide-plan.ts'
import { plan } from '../../src/plan/make-plan.ts'
import { findPlan, listPlans, planNodes } from '../../src/plan/read-plans.ts'
import { rebuildStates } from '../../src/plan/rebuild-states.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { planDeps, ref, storedVerdicts } from './stored-verdicts.ts'

let pg: TestDatabase
let seconds = 0
const start = Date.now()
const clock = () => new Date(start + seconds * 1000)
let s: ReturnType<typeof storedVerdicts>
const d = (builds: Partial<Deps['config']['builds']> = {}, settle = 0) => {
  const deps = planDeps(pg, clock, settle)
  return { ...deps, config: { ...deps.config, builds: { ...deps.config.builds, ...builds } } }
}
const all = () => listPlans(d(), { state: null, after: null, limit: 10 })
const only = async () => {
  const [one, ...more] = await all()
  expect(more).toEqual([])
  if (!one) throw new Error('there is no plan')
  return one
}
const nodes = async (id: string) =>
  (await planNodes(d(), id, { after: null, limit: 100 })).map((n) => [n.ref, n.level, n.because, n.state])
const state = async (name: string) => (await rebuildStates(d(), [ref(name)])).get(ref(name))!.state

beforeAll(async () => {
  pg = await testDatabase()
  s = storedVerdicts(pg.sql, clock)
})
afterAll(() => pg.close())
beforeEach(async () => {
  seconds = 0
  await s.clear()
  await pg.sql`truncate member, person, namespace cascade`
})

const children = (n: number) => Array.from({ length: n }, (_, i) => `app/c${String(i).padStart(2, '0')}`)
/** A base with so many children, the first of which has a child; then the base moves. */
async function family(n: number, to = 'base-2'): Promise<void> {
  await s.push('lib/base', 'base-1')
  await s.judge('lib/base', [])
  for (const name of [...children(n), 'app/grand']) {
    await s.push(name, `${name}-1`)
    await s.recipe(name)
  }
  seconds += 10
  await s.push('lib/base', to)
  for (const name of children(n)) await s.judge(name, [{ name: 'lib/base' }], [{ base: 'lib/base', to }])
  await s.judge('app/grand', [{ name: children(1)[0]! }], [{ base: 'lib/base', to, via: children(1)[0]! }])
}
async function built(name: string): Promise<void> {
  await s.run(name)
  seconds += 5
  await s.push(name, `${name}-2`)
  await s.judge(name, [{ name: 'lib/base' }])
  await s.end(name, `${name}-2`)
}

describe('a plan', () => {
  test('is made of what is foreseen, before anything runs; its builds belong to it; it is done when nothing is left', async () => {
    await family(2)
    await s.push('app/none', 'none-1')
    await s.judge('app/none', [{ name: 'lib/base' }], [{ base: 'lib/base', to: 'base-2' }])
    await s.push('app/on-none', 'on-none-1')
    await s.recipe('app/on-none')
    await s.judge('app/on-none', [{ name: 'app/none' }], [{ base: 'lib/base', to: 'base-2', via: 'app/none' }])
    await plan(d({}, 60))
    expect(await s.builds()).toEqual([])
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
    const builds = await s.builds()
    expect(builds.map((b) => [b.ref, b.reason.plan])).toEqual([
      [ref('app/c00'), made.id],
      [ref('app/c01'), made.id],
    ])
    expect(await pg.sql`select distinct plan_id from build`).toEqual([{ planId: made.id }])
    await built('app/c00')
    await s.judge('app/grand', [{ name: 'app/c00' }], [{ base: 'app/c00', to: 'app/c00-2' }])
    await built('app/c01')
    await plan(d())
    expect(await s.builds('app/grand')).toMatchObject([{ reason: { plan: made.id }, root: made.root }])
    await built('app/grand')
    await plan(d())
    expect(await only()).toMatchObject({ id: made.id, state: 'done', because: null, builds: { succeeded: 3 } })
    expect((await nodes(made.id)).map(([, , , now]) => now)).toEqual(['built', 'built', 'built', 'none', 'waiting'])
  })

  test('is not over while what came of a build of it waits to be judged', async () => {
    await family(1)
    await plan(d())
    await s.run('app/c00')
    seconds += 5
    await s.push('app/c00', 'c00-2')
    await s.judge('app/c00', [{ name: 'lib/base' }])
    await s.judge('app/grand', [{ name: 'app/c00' }])
    await s.end('app/c00', 'c00-2')
    await pg.sql`insert into dirty (kind, key) values ('tag', ${ref('app/grand')})`
    await plan(d())
    expect(await only()).toMatchObject({ state: 'open', endedAt: null })
    await pg.sql`update dirty set key = ${ref('app/elsewhere')}`
    await plan(d())
    expect(await only()).toMatchObject({ state: 'done', because: null })
  })

  test('is not over while its last build runs, whose push is judged already', async () => {
    await family(1)
    await plan(d())
    await s.run('app/c00')
    seconds += 5
    await s.push('app/c00', 'c00-2')
    await s.judge('app/c00', [{ name: 'lib/base' }])
    await s.judge('app/grand', [{ name: 'app/c00' }])
    await plan(d())
    expect(await only()).toMatchObject({ state: 'open', because: null, endedAt: null })
    await s.end('app/c00', 'c00-2')
    await plan(d())
    expect(await only()).toMatchObject({ state: 'done', because: null, builds: { succeeded: 1 } })
  })

  test('is over with a reason when the base is back, and taken up again when it moves there again', async () => {
    await family(1)
    await plan(d())
    await s.judge('app/c00', [{ name: 'lib/base' }])
    await s.judge('app/grand', [{ name: 'app/c00' }])
    await plan(d())
    expect(await only()).toMatchObject({ state: 'done', because: { code: 'no-longer-wanted' } })
    expect(await s.builds()).toMatchObject([{ state: 'cancelled' }])
    seconds += 1
    await s.judge('app/c00', [{ name: 'lib/base' }], [{ base: 'lib/base', to: 'base-2' }])
    await plan(d())
    expect(await only()).toMatchObject({ state: 'open', because: null, endedAt: null })
    expect((await s.builds()).map((b) => b.state)).toEqual(['cancelled', 'queued'])
  })

  test('takes in what becomes due later without having been foreseen', async () => {
    await family(1)
    await s.push('app/late', 'late-1')
    await s.judge('app/late', [{ name: 'lib/base' }], [{ base: 'lib/base', to: 'base-2' }])
    await plan(d())
    await s.recipe('app/late')
    await plan(d())
    const { id } = await only()
    expect((await nodes(id)).map(([name, level]) => [name, level])).toContainEqual([ref('app/late'), 1])
    expect(await s.builds('app/late')).toMatchObject([{ reason: { plan: id } }])
  })

  test('covers what follows from a build that a person asked for', async () => {
    await family(1)
    await s.judge('app/c00', [{ name: 'lib/base' }])
    await s.judge('app/grand', [{ name: 'app/c00' }])
    const asked = await requestBuild(d(), { ref: ref('app/c00'), reason: { kind: 'manual' }, root: null })
    if (asked === 'no-recipe') throw new Error('there is a recipe')
    await built('app/c00')
    await s.judge('app/grand', [{ name: 'app/c00' }], [{ base: 'app/c00', to: 'app/c00-2' }])
    await plan(d())
    const made = await only()
    expect(made).toMatchObject({ root: asked.build.id, base: ref('app/c00'), toBuild: 1 })
    expect(await s.builds('app/grand')).toMatchObject([{ reason: { plan: made.id } }])
  })
})

describe('a person', () => {
  test('approves what is large; before that nothing starts', async () => {
    await family(3)
    await plan(d({ approveOver: 3 }))
    const made = await only()
    expect(made).toMatchObject({ state: 'approval', because: { code: 'too-many' }, toBuild: 4 })
    expect([await state('app/c00'), await state('app/grand'), await s.builds()]).toEqual(['approval', 'waiting', []])
    expect(await approvePlan(d(), made.id, 'ann')).toBe('done')
    await plan(d({ approveOver: 3 }))
    expect(await only()).toMatchObject({ state: 'open', because: null, approvedBy: 'ann' })
    expect(await s.builds()).toHaveLength(3)
    expect(await approvePlan(d(), made.id, 'ann')).toBe('done')
  })

  test('cancels: queued builds go, running ones end, nothing of it starts any more; the next move is another plan', async () => {
    await family(2)
    await plan(d())
    await s.run('app/c00')
    const { id } = await only()
    expect(await cancelPlan(d(), id, 'ann')).toBe('done')
    await plan(d())
    expect((await s.builds()).map((b) => b.state)).toEqual(['running', 'cancelled'])
    expect(await state('app/c01')).toBe('manual')
    await s.push('app/c00', 'app/c00-2')
    await s.judge('app/c00', [{ name: 'lib/base' }])
    await s.end('app/c00', 'app/c00-2')
    await s.judge('app/grand', [{ name: 'app/c00' }], [{ base: 'app/c00', to: 'app/c00-2' }])
    await plan(d())
    expect(await s.builds('app/grand')).toEqual([])
    expect(await approvePlan(d(), id, 'ann')).toBe('over')
    await s.push('lib/base', 'base-3')
    seconds += 1
    await s.judge('app/c01', [{ name: 'lib/base' }], [{ base: 'lib/base', to: 'base-3' }])
    await plan(d())
    expect((await all()).map((p) => p.state).sort()).toEqual(['cancelled', 'open'])
    expect((await s.builds('app/c01')).map((b) => b.state)).toEqual(['cancelled', 'queued'])
  })

  test('makes a queued build of the planner theirs; and tries again what failed', async () => {
    await family(1)
    await plan(d())
    const ask = () => requestBuild(d(), { ref: ref('app/c00'), reason: { kind: 'manual' }, root: null, note: 'now' })
    expect(await ask()).toMatchObject({ created: false })
    const mine = { automatic: false, priority: 0, note: 'now', kind: 'base-moved' }
    const rows = () =>
      pg.sql`select automatic, priority, note, reason->>'kind' as kind from build order by created_at desc`
    expect(await rows()).toEqual([mine])
    await s.run('app/c00')
    await s.end('app/c00', null)
    seconds += 1
    await ask()
    expect((await rows())[0]).toMatchObject({ automatic: false, kind: 'retry' })
  })
})

describe('a plan whose first builds fail', () => {
  const fail = async (names: string[]) => {
    for (const name of names) {
      await s.run(name)
      seconds += 1
      await s.end(name, null)
    }
  }
  test('is stopped at the sixth failure, and its people are told; approval counts anew', async () => {
    await pg.sql`insert into namespace (key) values ('lib')`
    await pg.sql`insert into person (name, email) values ('ann', 'ann@example.org'), ('bob', 'bob@example.org')`
    await pg.sql`insert into member (namespace_key, user_name, role) values ('lib', 'ann', 'owner'), ('lib', 'bob', 'viewer')`
    await family(12)
    await plan(d())
    await fail(children(5))
    await plan(d())
    expect((await only()).state).toBe('open')
    await fail([children(6)[5]!])
    await plan(d())
    const { id, ...stopped } = await only()
    expect(stopped).toMatchObject({ state: 'stopped', because: { code: 'too-many-failures' } })
    expect((await s.builds()).filter((b) => b.state === 'queued')).toEqual([])
    expect(await state('app/c11')).toBe('approval')
    const mails = await pg.sql<{ to: string; subject: string; text: string; state: string }[]>`select * from mail`
    expect(mails).toMatchObject([
      { to: 'ann@example.org', state: 'kept', subject: expect.stringContaining(ref('lib/base')) },
    ])
    expect(mails[0]!.text).toContain(`drydock approve ${id}`)
    await plan(d())
    expect(await pg.sql`select from mail`).toHaveLength(1)
    seconds += 1
    expect(await approvePlan(d(), id, 'ann')).toBe('done')
    await plan(d())
    expect((await only()).state).toBe('open')
    expect((await s.builds()).filter((b) => b.state === 'queued')).toHaveLength(12)
  })

  test('because a registry or a host is away goes on, and its tags are tried again after minutes', async () => {
    await family(12)
    await plan(d())
    for (let tries = 0; tries < 3; tries++) {
      for (const name of children(12)) {
        await s.run(name)
        await s.end(name, null, 'unreachable', true)
      }
      seconds += 1
      await plan(d())
    }
    expect((await only()).state).toBe('open')
    expect((await s.builds()).filter((b) => b.state === 'queued')).toEqual([])
    seconds += 60
    await plan(d())
    expect((await s.builds()).filter((b) => b.state === 'queued')).toHaveLength(12)
  })

  test('of fewer than ten is not stopped before ten were tried', async () => {
    await family(5)
    await plan(d())
    for (let i = 0; i < 3; i++) {
      await fail(children(5))
      await plan(d())
      seconds += 7200
      await plan(d())
    }
    expect(await only()).toMatchObject({ state: 'open', builds: { failed: 15 } })
  })
})

describe('what holds a build up', () => {
  test('a pause: nothing more is queued, what is queued stays; a window: it comes back when that opens', async () => {
    await family(1)
    await pg.sql`insert into pause (scope) values ('app')`
    await plan(d())
    expect([await state('app/c00'), await s.builds()]).toEqual(['paused', []])
    await pg.sql`delete from pause`
    await plan(d())
    await pg.sql`insert into pause (scope) values ('*')`
    await plan(d())
    expect(await s.builds()).toMatchObject([{ state: 'queued' }])
    expect(await state('app/c00')).toBe('paused')
    await pg.sql`delete from pause`
    const hour = (clock().getUTCHours() + 2) % 24
    const [from, to] = [hour, (hour + 1) % 24].map((h) => `${String(h).padStart(2, '0')}:00`) as [string, string]
    const closed = {
      windows: [{ days: ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'], from, to, zone: 'UTC' }],
    } as never
    await plan(d(closed))
    expect(await s.builds()).toMatchObject([{ state: 'cancelled', code: 'no-longer-wanted' }])
    const later = (await s.jobs()).filter((job) => job.key === 'plan:later')
    expect(later.at(-1)!.runAt.toISOString()).toMatch(new RegExp(`T${from}:00`))
  })
})

describe('a recipe that was changed', () => {
  test('is built, by itself, where our push stands; once; not for what does not count', async () => {
    await family(1)
    await plan(d())
    await built('app/c00')
    await s.judge('app/grand', [{ name: 'app/c00' }])
    await s.recipe('app/c00', { machine: 'big' })
    await plan(d())
    expect(await s.builds()).toHaveLength(1)
    seconds += 1
    await s.recipe('app/c00', { args: { A: '1' } })
    await plan(d())
    await plan(d())
    const [, second, ...more] = await s.builds('app/c00')
    expect(more).toEqual([])
    const [changed] = await all()
    expect(changed).toMatchObject({ base: null, to: null, toBuild: 2, state: 'open' })
    expect(second).toMatchObject({
      state: 'queued',
      root: changed!.root,
      reason: { kind: 'manual', plan: changed!.id },
    })
    expect(await pg.sql`select note, automatic from build where id = ${second!.id}`).toEqual([
      { note: 'the recipe changed', automatic: true },
    ])
    await s.run('app/c00')
    seconds += 5
    await s.push('app/c00', 'c00-3')
    await s.end('app/c00', 'c00-3')
    await plan(d())
    expect(await s.builds('app/c00')).toHaveLength(2)
  })

  test('is not built over what somebody else pushed, or where nothing of ours stands', async () => {
    await family(1)
    await plan(d())
    await built('app/c00')
    seconds += 1
    await s.push('app/c00', 'somebody-elses')
    await s.recipe('app/c00', { args: { A: '1' } })
    await s.recipe('app/new', { args: { A: '1' } })
    await plan(d())
    expect(await s.builds()).toHaveLength(1)
  })
})

test('a plan is found by its id', async () => {
  await family(1)
  await plan(d())
  const made = await only()
  expect(await findPlan(d(), made.id)).toEqual(made)
  expect(await findPlan(d(), crypto.randomUUID())).toBeNull()
})

test('a push that the registry never shows is not waited for once something else was pushed over it', async () => {
  await family(1)
  await plan(d())
  await s.run('app/c00')
  seconds += 5
  await s.end('app/c00', 'app/c00-2')
  await plan(d())
  expect(await state('app/c00')).toBe('waiting')
  seconds += 5
  await s.push('app/c00', 'app/c00-other')
  await s.judge('app/c00', [{ name: 'lib/base' }], [{ base: 'lib/base', to: 'base-2' }])
  await plan(d())
  expect(await state('app/c00')).toBe('queued')
})

test('a stopped plan is over once nothing of its root is left', async () => {
  await family(12)
  await plan(d())
  for (const name of children(6)) {
    await s.run(name)
    seconds += 1
    await s.end(name, null, 'git-unreachable')
  }
  await plan(d())
  expect((await only()).state).toBe('stopped')
  for (const name of [...children(12), 'app/grand']) await s.judge(name, [{ name: 'lib/base' }])
  await plan(d())
  expect((await only()).state).toBe('done')
})

test('what a running build of ours has just pushed makes no plan of its own', async () => {
  await family(1)
  await plan(d())
  await s.run('app/c00')
  await s.push('app/c00', 'c00-2')
  await s.judge('app/c00', [{ name: 'lib/base' }])
  await s.judge('app/grand', [{ name: 'app/c00' }], [{ base: 'app/c00', to: 'c00-2' }])
  await plan(d())
  expect(await only()).toMatchObject({ state: 'open', base: ref('lib/base') })
  await s.end('app/c00', 'c00-2')
  await plan(d())
  expect(await only()).toMatchObject({ state: 'open', base: ref('lib/base') })
  expect((await s.builds()).filter((b) => b.state === 'queued')).toMatchObject([{ ref: ref('app/grand') }])
})

test('a changed recipe does not build on a base whose plan waits for approval or was cancelled', async () => {
  await family(3)
  await plan(d({ approveOver: 2 }))
  await pg.sql`
    insert into build (ref, key, state, reason, recipe, created_at, started_at, finished_at, digest, bases)
    select ref, 'k', 'succeeded', '{"kind":"manual"}', spec, ${clock()}, ${clock()}, ${clock()}, 'app/c00-1', '[]'::jsonb
    from recipe where ref = ${ref('app/c00')}`
  await s.recipe('app/c00', { args: { v: '2' } })
  await plan(d({ approveOver: 2 }))
  expect([await state('app/c00'), (await s.builds('app/c00')).length]).toEqual(['approval', 1])
  await cancelPlan(d(), (await only()).id, 'ann')
  await plan(d({ approveOver: 2 }))
  expect([await state('app/c00'), (await s.builds('app/c00')).length]).toEqual(['manual', 1])
})

test('what somebody puts elsewhere, of what a build of ours pushed, is a change of its own', async () => {
  await family(1)
  await plan(d())
  const { id } = await only()
  await built('app/c00')
  await s.judge('app/grand', [{ name: 'app/c00' }])
  await cancelPlan(d(), id, 'ann')
  seconds += 100
  await s.push('lib/prod', 'prod-1')
  await s.judge('lib/prod', [])
  await s.push('app/user', 'user-1')
  await s.recipe('app/user')
  await s.push('lib/prod', 'app/c00-2')
  await s.judge('app/user', [{ name: 'lib/prod' }], [{ base: 'lib/prod', to: 'app/c00-2' }])
  await plan(d({}, 60))
  expect(await state('app/user')).toBe('queued')
  expect(await s.builds('app/user')).toEqual([])
  await plan(d())
  expect((await s.builds('app/user')).map(({ root }) => root)).toEqual([`${ref('lib/prod')}@app/c00-2`])
})

test('a plan of which the rest waits for a base that nobody rebuilds says so', async () => {
  await family(1)
  await plan(d())
  await pg.sql`update recipe set auto = false, spec = jsonb_set(spec, '{auto}', 'false') where ref = ${ref('app/c00')}`
  await plan(d())
  expect(await only()).toMatchObject({ state: 'done', because: { code: 'blocked' } })
  expect((await only()).because?.message).toContain(ref('app/c00'))
})
