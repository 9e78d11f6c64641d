import { afterAll, afterEach, beforeAll, describe, expect, it, test } from '@jest/globals'
import { parseRecipe } from '../../src/build/recipe.ts'
import { putRecipe, removeRecipe } from '../../src/build/recipes.ts'
import { Builds } from '../../src/build-settings.ts'
import { putPause, removePause } from '../../src/pause/pauses.ts'
import { makeSchedules } from '../../src/triggers/schedules.ts'
import { startApi, type TestApi } from '../api/start-api.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'

/** Turns of the schedules on a real database, with a clock that is set by hand. */
let pg: TestDatabase
let api: TestApi
let d: TestApi['d']
let now: string
beforeAll(async () => {
  pg = await testDatabase()
  api = await startApi(pg)
  d = { ...api.d, clock: () => new Date(now) }
})
afterAll(async () => {
  await api.close()
  await pg.close()
})
afterEach(() => pg.sql`truncate build, recipe, pause cascade`)

const ref = 'reg:5000/app/run:1'
const nightly = '30 2 * * *'
async function put(schedule: string | undefined, more: object = {}, of = ref) {
  const git = { url: 'https://git.example/team/app.git', ref: 'main' }
  const parsed = parseRecipe({ git, schedule, ...more }, { gitProtocols: ['https'] })
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults))
  await putRecipe(d, of, parsed.recipe)
}
const due = async () =>
  (await pg.sql<{ dueAt: Date | null }[]>`select due_at from recipe`)[0]?.dueAt?.toISOString() ?? null
const builds = () =>
  pg.sql<{ ref: string; note: string }[]>`
    select ref, state::text as state, reason->>'kind' as kind, automatic, priority, note from build order by created_at, ref`
const over = () => pg.sql`update build set state = 'succeeded', finished_at = now() where state = 'queued'`
const turnAt = (time: string, of = makeSchedules(d)) => {
  now = time
  return of.turn()
}

describe('when a recipe is due', () => {
  it('is the first time after it was put, again when the schedule changes, and never without one', async () => {
    now = '2026-11-21T12:00:00Z'
    await put(nightly)
    expect(await due()).toBe('2026-11-22T02:30:00.000Z')
    now = '2026-11-23T12:00:00Z'
    await put(nightly, { auto: true })
    expect(await due()).toBe('2026-11-22T02:30:00.000Z')
    await put('0 * * * *')
    expect(await due()).toBe('2026-11-23T13:00:00.000Z')
    await put(undefined)
    expect(await due()).toBeNull()
    await put(nightly)
    expect(await due()).toBe('2026-11-24T02:30:00.000Z')
    expect((await api.get('recipes')).items[0]).toMatchObject({ schedule: nightly, dueAt: '2026-11-24T02:30:00.000Z' })
  })
  test.each(['* * * *', '61 * * * *', '0 0 31 2 *', '@daily', ''])('%j is no schedule', async (schedule) => {
    await expect(put(schedule)).rejects.toThrow(/five cron fields/)
  })
})

describe('a turn', () => {
  it('queues what is due, once, as nobody’s wish and not the planner’s', async () => {
    now = '2026-11-21T12:00:00Z'
    await put(nightly)
    await turnAt('2026-11-22T02:29:59Z')
    expect(await builds()).toEqual([])
    await turnAt('2026-11-22T02:30:00Z')
    const build = { ref, state: 'queued', kind: 'schedule', automatic: false, priority: 1, note: 'schedule 30 2 * * *' }
    expect(await builds()).toEqual([build])
    expect(await due()).toBe('2026-11-23T02:30:00.000Z')
    await over()
    await turnAt('2026-11-22T02:30:10Z')
    expect(await builds()).toHaveLength(1)
  })
  it('makes one build of all the times that were missed', async () => {
    now = '2026-11-21T12:00:00Z'
    await put('*/5 * * * *')
    await turnAt('2026-11-29T12:01:00Z')
    expect(await builds()).toHaveLength(1)
    expect(await due()).toBe('2026-11-29T12:05:00.000Z')
  })
  it('queues once where several look at once', async () => {
    now = '2026-11-21T12:00:00Z'
    await put(nightly)
    now = '2026-11-22T03:00:00Z'
    await Promise.all(Array.from({ length: 5 }, () => makeSchedules(d).turn()))
    await over()
    expect(await builds()).toHaveLength(1)
  })
  it('adds nothing to a build that is queued already', async () => {
    now = '2026-11-21T12:00:00Z'
    await put(nightly)
    await api.call('POST', 'builds', { body: { ref } })
    await turnAt('2026-11-22T03:00:00Z')
    expect(await builds()).toHaveLength(1)
  })
  it('leaves alone a recipe that is gone', async () => {
    now = '2026-11-21T12:00:00Z'
    await put(nightly)
    await removeRecipe(d, ref)
    await turnAt('2026-11-22T03:00:00Z')
    expect(await builds()).toEqual([])
  })
})

describe('what is held', () => {
  it('by a pause, is built once when that ends; others go on', async () => {
    now = '2026-11-21T12:00:00Z'
    await put(nightly)
    await put(nightly, {}, 'reg:5000/lib/base:1')
    await putPause(d, { scope: 'app', reason: null, by: null })
    await turnAt('2026-11-22T03:00:00Z')
    await turnAt('2026-11-24T03:00:00Z')
    expect((await builds()).map((build) => build.ref)).toEqual(['reg:5000/lib/base:1'])
    await removePause(d, 'app')
    await turnAt('2026-11-24T12:00:00Z')
    expect((await builds()).map((build) => build.ref)).toEqual(['reg:5000/lib/base:1', ref])
  })
  it('by a window, is built when that opens', async () => {
    now = '2026-11-21T12:00:00Z'
    await put(nightly)
    const builds_ = Builds.parse({ windows: [{ from: '05:00', to: '06:00' }] })
    const schedules = makeSchedules({ ...d, config: { ...d.config, builds: builds_ } })
    await turnAt('2026-11-22T04:59:00Z', schedules)
    expect(await builds()).toEqual([])
    await turnAt('2026-11-22T05:00:00Z', schedules)
    expect(await builds()).toHaveLength(1)
  })
  it('where Drydock observes, is everything', async () => {
    now = '2026-11-21T12:00:00Z'
    await put(nightly)
    await turnAt('2026-11-22T03:00:00Z', makeSchedules({ ...d, config: { ...d.config, observe: true } }))
    expect(await builds()).toEqual([])
  })
})

describe('a clock that goes back', () => {
  it('a little, builds nothing twice', async () => {
    now = '2026-11-21T12:00:00Z'
    await put(nightly)
    const schedules = makeSchedules(d)
    await turnAt('2026-11-22T02:30:00Z', schedules)
    await over()
    for (const time of ['2026-11-22T02:10:00Z', '2026-11-22T02:30:00Z', '2026-11-22T12:00:00Z'])
      await turnAt(time, schedules)
    expect(await builds()).toHaveLength(1)
  })
  it('by years, is no wait of years', async () => {
    now = '2036-11-21T12:00:00Z'
    await put(nightly)
    const schedules = makeSchedules(d)
    await turnAt('2036-11-21T12:00:10Z', schedules)
    await turnAt('2026-11-22T12:00:00Z', schedules)
    expect(await due()).toBe('2026-11-23T02:30:00.000Z')
    await turnAt('2026-11-23T02:30:00Z', schedules)
    expect(await builds()).toHaveLength(1)
  })
})
