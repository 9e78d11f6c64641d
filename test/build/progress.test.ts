import { afterAll, beforeAll, expect, it } from '@jest/globals'
import { BuildError } from '../../src/build/build-error.ts'
import { claimBuild } from '../../src/build/claim.ts'
import { makeProgress } from '../../src/build/progress.ts'
import { Builds } from '../../src/build-settings.ts'
import { testDeps } from '../support/deps.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'

let pg: TestDatabase
beforeAll(async () => {
  pg = await testDatabase()
})
afterAll(() => pg.close())

let made = 0
async function begun(stop: AbortSignal, checkout = 60) {
  const d = testDeps(pg)
  const [row] = await pg.sql<{ id: string }[]>`
    insert into build (ref, key, reason, recipe, namespace_key)
    values (${`r.example/a/${made++}:1`}, '', '{}', '{"strategy":"rebase"}', 'a') returning id`
  const claim = await claimBuild(d, row!.id)
  if (typeof claim === 'string') throw new Error(`it is ${claim}`)
  const progress = makeProgress(d, claim, stop, Builds.parse({ timeouts: { checkout } }).timeouts)
  return { progress, row: () => pg.db.build.findUniqueOrThrow({ where: { id: row!.id } }) }
}

it('a cancelled step ends though its work takes no notice, and says when that ended', async () => {
  const stop = new AbortController()
  const work = Promise.withResolvers<string>()
  const { progress, row } = await begun(stop.signal)
  const running = progress.step('checkout', () => {
    stop.abort(new BuildError('cancelled', 'cancelled on request'))
    return work.promise
  })
  await expect(running).rejects.toMatchObject({ code: 'cancelled' })
  expect((await row()).steps).toEqual([
    expect.objectContaining({ finishedAt: expect.any(String), error: expect.objectContaining({ code: 'cancelled' }) }),
  ])
  const unfinished = progress.unfinished()
  expect(unfinished).not.toBeNull()
  work.resolve('late')
  await unfinished
  expect(progress.unfinished()).toBeNull()
})

it('a step over its time ends though its work takes no notice', async () => {
  const work = Promise.withResolvers<string>()
  const { progress } = await begun(new AbortController().signal, 1)
  await expect(progress.step('checkout', () => work.promise)).rejects.toMatchObject({ code: 'timed-out' })
  work.reject(new Error('too late for anybody'))
  await progress.unfinished()
})

it('work that ends soon after its signal is waited for: its own end counts', async () => {
  const stop = new AbortController()
  const { progress } = await begun(stop.signal)
  const running = progress.step('checkout', async (signal) => {
    stop.abort(new BuildError('cancelled', 'cancelled on request'))
    expect(signal.aborted).toBe(true)
    return 'done after all'
  })
  expect(await running).toBe('done after all')
  expect(progress.unfinished()).toBeNull()
})
