import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { plan } from '../../src/plan/make-plan.ts'
import { rebuildStates } from '../../src/plan/rebuild-states.ts'
import { addSnooze, removeSnooze } from '../../src/policy/snoozes.ts'
import { planDeps, ref, storedVerdicts } from '../plan/stored-verdicts.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'

let pg: TestDatabase
let seconds = 0
const start = Date.now()
const clock = () => new Date(start + seconds * 1000)
let s: ReturnType<typeof storedVerdicts>
const d = () => planDeps(pg, clock)
const state = async (name: string) => (await rebuildStates(d(), [ref(name)])).get(ref(name))
const builds = async () => (await s.builds()).map((build) => `${build.ref} ${build.state}`)
const snooze = (kind: 'tag' | 'base', name: string) =>
  addSnooze(d(), {
    kind,
    ref: ref(name),
    reason: 'later',
    author: 'ada',
    expiresAt: new Date(clock().getTime() + 60_000),
  })

beforeAll(async () => {
  pg = await testDatabase()
  s = storedVerdicts(pg.sql, clock)
})
afterAll(() => pg.close())
beforeEach(async () => {
  seconds = 0
  await s.clear()
  await pg.sql`truncate snooze`
  for (const name of ['lib/base', 'lib/tool', 'app/child', 'app/grand']) await s.push(name, `${name}-1`)
  for (const name of ['app/child', 'app/grand']) await s.recipe(name)
  seconds = 10
  for (const name of ['lib/base', 'lib/tool']) {
    await s.judge(name, [])
    await s.push(name, `${name}-2`)
  }
  await s.judge('app/child', [{ name: 'lib/base' }], [{ base: 'lib/base', to: 'lib/base-2' }])
  await s.judge('app/grand', [{ name: 'app/child' }], [{ base: 'lib/base', to: 'lib/base-2', via: 'app/child' }])
})

const queued = `${ref('app/child')} queued`

test.each([
  ['a snoozed tag', () => snooze('tag', 'app/child')],
  ['a tag of a snoozed base', () => snooze('base', 'lib/base')],
  ['a tag that does not matter', () => pg.sql`update tag set ignored = '{}' where ref = ${ref('app/child')}`],
])('%s is not built by itself', async (_which, hold) => {
  await hold()
  expect(await state('app/child')).toMatchObject({ state: 'paused', build: null, waitsFor: [] })
  await plan(d())
  expect(await builds()).toEqual([])
})

test('what is built on a snoozed tag waits for it', async () => {
  await snooze('tag', 'app/child')
  expect(await state('app/grand')).toMatchObject({ state: 'waiting', waitsFor: [ref('app/child')] })
})

test('when the snooze ends the build comes, and so when it is removed', async () => {
  const { id } = await snooze('base', 'lib/base')
  seconds += 61
  await plan(d())
  expect(await builds()).toEqual([queued])
  await pg.sql`truncate build cascade`
  await snooze('base', 'lib/base')
  await plan(d())
  expect(await builds()).toEqual([])
  await removeSnooze(d(), id)
  await plan(d())
  expect(await builds()).toEqual([queued])
})

test('a build that waits in the queue is withdrawn', async () => {
  await plan(d())
  expect(await builds()).toEqual([queued])
  await snooze('tag', 'app/child')
  await plan(d())
  expect(await builds()).toEqual([`${ref('app/child')} cancelled`])
})

test('a base that is not snoozed has it built all the same', async () => {
  const bases = [{ name: 'lib/base' }, { name: 'lib/tool' }]
  await s.judge('app/child', bases, [
    { base: 'lib/base', to: 'lib/base-2' },
    { base: 'lib/tool', to: 'lib/tool-2' },
  ])
  await snooze('base', 'lib/base')
  await plan(d())
  expect((await s.builds())[0]).toMatchObject({ ref: ref('app/child'), reason: { base: ref('lib/tool') } })
})
