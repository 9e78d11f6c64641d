import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { currentKey } from '../../src/build/current-key.ts'
import { Recipe } from '../../src/build/recipe.ts'
import { requestBuild } from '../../src/build/request.ts'
import { plan } from '../../src/plan/make-plan.ts'
import { rebuildStates } from '../../src/plan/rebuild-states.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { planDeps, ref, storedVerdicts } from './stored-verdicts.ts'

let pg: TestDatabase
let seconds = 0
const start = Date.now()
const clock = () => new Date(start + seconds * 1000)
const pass = (more: number) => {
  seconds += more
}
let s: ReturnType<typeof storedVerdicts>
const d = (settle = 0) => planDeps(pg, clock, settle)
const states = async (...names: string[]) => {
  const found = await rebuildStates(d(), names.map(ref))
  return names.map((name) => found.get(ref(name))!.state)
}

beforeAll(async () => {
  pg = await testDatabase()
  s = storedVerdicts(pg.sql, clock)
})
afterAll(() => pg.close())
beforeEach(async () => {
  seconds = 0
  await s.clear()
  await s.push('lib/base', 'base-1')
  for (const name of ['app/child', 'app/grand']) {
    await s.push(name, `${name}-1`)
    await s.recipe(name)
  }
  await s.judge('lib/base', [])
  pass(10)
  await s.push('lib/base', 'base-2')
  await s.judge('app/child', [{ name: 'lib/base' }], [{ base: 'lib/base', to: 'base-2' }])
  await s.judge('app/grand', [{ name: 'app/child' }], [{ base: 'lib/base', to: 'base-2', via: 'app/child' }])
})

/** What a build of the child leaves behind: its push, judged. */
async function childIsBuilt(): Promise<void> {
  await s.run('app/child')
  pass(5)
  await s.push('app/child', 'child-2')
  await s.judge('app/child', [{ name: 'lib/base' }])
  await s.judge('app/grand', [{ name: 'app/child' }], [{ base: 'app/child', to: 'child-2' }])
}

describe('a plan', () => {
  test('queues what is due, with its job, and only once', async () => {
    await plan(d())
    const [child, ...more] = await s.builds()
    expect(more).toEqual([])
    expect(child).toMatchObject({
      ref: ref('app/child'),
      state: 'queued',
      root: `${ref('lib/base')}@base-2`,
      reason: { kind: 'base-moved', base: ref('lib/base'), from: null, to: 'base-2', plan: expect.any(String) },
      key: await currentKey(pg.sql, ref('app/child'), Recipe.parse({ strategy: 'rebase', on: 'all', auto: true })),
    })
    expect(await s.jobs()).toMatchObject([{ task: 'build-light', payload: {} }])
    await plan(d())
    expect(await s.builds()).toEqual([child])
    expect(await states('app/child', 'app/grand', 'lib/base')).toEqual(['queued', 'waiting', 'none'])
  })

  test('the grandchild waits until the build of the child has ended, and goes back to the outside change', async () => {
    await plan(d())
    await childIsBuilt()
    await plan(d())
    expect(await s.builds('app/grand')).toEqual([])
    expect((await rebuildStates(d(), [ref('app/grand')])).get(ref('app/grand'))).toEqual({
      state: 'waiting',
      build: null,
      waitsFor: [ref('app/child')],
    })
    await s.end('app/child', 'child-2')
    await plan(d())
    expect(await s.builds('app/grand')).toMatchObject([{ state: 'queued', root: `${ref('lib/base')}@base-2` }])
  })

  test('what a person had built is its own root', async () => {
    const asked = await requestBuild(d(), { ref: ref('app/child'), reason: { kind: 'manual' }, root: null })
    if (asked === 'no-recipe') throw new Error('there is a recipe')
    await childIsBuilt()
    await s.end('app/child', 'child-2')
    await plan(d())
    expect(await s.builds('app/grand')).toMatchObject([{ root: asked.build.id }])
  })

  test('settles first, and comes back when that is over', async () => {
    await plan(d(30))
    expect(await s.builds()).toEqual([])
    expect(await s.jobs()).toMatchObject([
      { task: 'plan', key: 'plan:later', runAt: new Date(clock().getTime() + 30_000) },
    ])
    pass(31)
    await plan(d(30))
    expect(await s.builds()).toHaveLength(1)
  })

  test('what our own build pushed does not settle', async () => {
    await plan(d())
    await childIsBuilt()
    await s.end('app/child', 'child-2')
    await plan(d(3600))
    expect(await s.builds('app/grand')).toHaveLength(1)
  })

  test('a registry clock that is ahead makes nothing settle for longer', async () => {
    await pg.sql`update tag set head_at = head_at + 86400::bigint * 1000000000 where ref = ${ref('lib/base')}`
    pass(31)
    await plan(d(30))
    expect(await s.builds()).toHaveLength(1)
  })

  test('leaves alone what waits to be judged, and nothing else', async () => {
    await pg.sql`insert into dirty (kind, key) values ('tag', ${ref('app/child')})`
    await plan(d())
    expect(await s.builds()).toEqual([])
    await pg.sql`update dirty set key = ${ref('app/elsewhere')}`
    await plan(d())
    expect(await s.builds()).toHaveLength(1)
  })

  test('withdraws a queued build when the base is back, and queues it again when it moves again', async () => {
    await plan(d())
    await s.judge('app/child', [{ name: 'lib/base' }])
    await s.judge('app/grand', [{ name: 'app/child' }])
    await plan(d())
    expect(await s.builds()).toMatchObject([{ state: 'cancelled', code: 'no-longer-wanted' }])
    pass(1)
    await s.judge('app/child', [{ name: 'lib/base' }], [{ base: 'lib/base', to: 'base-2' }])
    await plan(d())
    expect((await s.builds()).map((build) => build.state)).toEqual(['cancelled', 'queued'])
  })

  test('a base that moves on while a build is queued changes that build', async () => {
    await plan(d())
    const [before] = await s.builds()
    await s.push('lib/base', 'base-3')
    await s.judge('app/child', [{ name: 'lib/base' }], [{ base: 'lib/base', to: 'base-3' }])
    await plan(d())
    const after = await s.builds()
    expect(after).toMatchObject([
      { id: before!.id, state: 'queued', reason: { to: 'base-3' }, root: `${ref('lib/base')}@base-3` },
    ])
    expect(after[0]!.key).not.toBe(before!.key)
  })

  test('a base that moves on while a build runs: that one ends, and the tag is judged again', async () => {
    await plan(d())
    await s.run('app/child')
    await s.push('lib/base', 'base-3')
    await s.judge('app/child', [{ name: 'lib/base' }], [{ base: 'lib/base', to: 'base-3' }])
    await plan(d())
    expect(await s.builds()).toHaveLength(1)
    pass(5)
    await s.push('app/child', 'child-2')
    await s.end('app/child', 'child-2')
    await plan(d())
    expect((await s.builds('app/child')).map((build) => build.state)).toEqual(['succeeded', 'queued'])
  })

  test('the same inputs are not built twice; over a new push they are, over one put back they are not', async () => {
    await plan(d())
    await s.run('app/child')
    pass(5)
    await s.end('app/child', 'child-2')
    await plan(d())
    expect(await states('app/child')).toEqual(['waiting'])
    await s.push('app/child', 'child-2')
    await plan(d())
    expect(await states('app/child')).toEqual(['failed'])
    await s.push('app/child', 'app/child-1')
    await plan(d())
    expect(await states('app/child')).toEqual(['manual'])
    expect(await s.builds()).toHaveLength(1)
    await s.push('app/child', 'somebody-elses')
    await plan(d())
    expect(await s.builds()).toHaveLength(2)
  })

  test('tries a failed build again, with pauses that grow, and comes back for it', async () => {
    for (let i = 0; i < 3; i++) {
      await plan(d())
      await s.run('app/child')
      pass(5)
      await s.end('app/child', null)
    }
    await plan(d())
    expect(await s.builds()).toHaveLength(3)
    expect((await s.jobs()).at(-1)).toMatchObject({ task: 'plan', runAt: new Date(clock().getTime() + 3_600_000) })
    expect(await states('app/child', 'app/grand')).toEqual(['failed', 'waiting'])
    pass(3601)
    await plan(d())
    expect(await s.builds()).toHaveLength(4)
  })

  test('a build that is asked for meanwhile is one with the planned one', async () => {
    const asked = () => requestBuild(d(), { ref: ref('app/child'), reason: { kind: 'manual' }, root: null })
    await Promise.all([plan(d()), asked(), plan(d()), asked(), plan(d())])
    expect(await s.builds()).toHaveLength(1)
  })

  test('a cycle of two, which builds of ours keep moving, is built once', async () => {
    await s.recipe('app/loop')
    await s.push('app/loop', 'loop-1')
    const bases = [{ name: 'lib/base' }, { name: 'app/loop' }]
    await s.judge('app/child', bases, [{ base: 'lib/base', to: 'base-2' }])
    await s.judge('app/loop', [{ name: 'app/child' }], [{ base: 'lib/base', to: 'base-2', via: 'app/child' }])
    await plan(d())
    await s.run('app/child')
    pass(5)
    await s.push('app/child', 'child-2')
    await s.end('app/child', 'child-2')
    await s.judge('app/child', bases)
    await s.judge('app/loop', [{ name: 'app/child' }], [{ base: 'app/child', to: 'child-2' }])
    await plan(d())
    await s.run('app/loop')
    pass(5)
    await s.push('app/loop', 'loop-2')
    await s.end('app/loop', 'loop-2')
    await s.judge('app/loop', [{ name: 'app/child' }])
    await s.judge('app/child', bases, [{ base: 'app/loop', to: 'loop-2' }])
    await plan(d())
    expect((await s.builds()).filter((build) => build.ref !== ref('app/grand')).map((build) => build.ref)).toEqual([
      ref('app/child'),
      ref('app/loop'),
    ])
    expect(await states('app/child')).toEqual(['failed'])
  })
})

describe('what is read', () => {
  test('a base of a build stage is waited for where it counts', async () => {
    await s.push('app/tool', 'tool-1')
    await s.recipe('app/tool')
    await requestBuild(d(), { ref: ref('app/tool'), reason: { kind: 'manual' }, root: null })
    const bases = [{ name: 'lib/base' }, { name: 'app/tool', role: 'build' as const }]
    await s.judge('app/child', bases, [{ base: 'lib/base', to: 'base-2' }])
    expect(await states('app/child')).toEqual(['waiting'])
    await pg.sql`update recipe set count_on = 'runtime' where ref = ${ref('app/child')}`
    expect(await states('app/child')).toEqual(['queued'])
  })

  test('an ambiguous cause rebuilds where the recipe or a declaration on the head names its base', async () => {
    const unsure = [{ base: 'lib/base', to: 'base-2', confidence: 'ambiguous' as const }]
    await s.judge('app/child', [{ name: 'lib/base' }], unsure)
    expect(await states('app/child')).toEqual(['manual'])
    await s.recipe('app/child', { base: ref('lib/base') })
    expect(await states('app/child')).toEqual(['queued'])
    await s.recipe('app/child')
    await pg.sql`
      insert into declaration (subject, evidence, source, position, name) values ('app/child-1', 'annotation', 'x', 0, ${ref('lib/base')})`
    expect(await states('app/child')).toEqual(['queued'])
  })

  test('what no builder here runs is manual; a tag that nobody knows has no state', async () => {
    await s.recipe('app/child', { strategy: 'dockerfile', git: { url: 'https://git/x.git', ref: 'main' } })
    expect(await states('app/child', 'app/unheard-of')).toEqual(['manual', 'none'])
  })
})
