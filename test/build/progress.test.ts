import { afterAll, beforeAll, expect, it } from '@jest/globals'
import { BuildError } from '../../src/build/build-error.ts'
import { claimBuild } from '../../src/build/claim.ts'
import { earlierSteps, makeProgress } from '../../src/build/progress.ts'
import { Builds } from '../../src/build-settings.ts'
import { testDeps } from '../support/deps.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'

let pg: TestDatabase
beforeAll(async () => {
  pg = await testDatabase()
})
afterAll(() => pg.close())

let made = 0
async function begun(stop: AbortSignal, checkout = 60, steps: object[] = []) {
  const d = testDeps(pg)
  const [row] = await pg.sql<{ id: string }[]>`
    insert into build (ref, key, reason, recipe, namespace_key, steps)
    values (${`r.example/a/${made++}:1`}, '', '{}', '{"strategy":"rebase"}', 'a', ${JSON.stringify(steps)}::text::jsonb) returning id`
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

it('what attempts before went through stays; what was interrupted is said so, and goes on where the build does', async () => {
  const stored = [
    { name: 'host', startedAt: '2026-01-01T00:00:00.000Z', finishedAt: '2026-01-01T00:00:01.000Z', error: null },
    { name: 'build', startedAt: '2026-01-01T00:00:01.000Z', finishedAt: null, error: null },
  ]
  const { progress, row } = await begun(new AbortController().signal, 60, stored)
  await progress.step('host', async () => undefined)
  await progress.step('build', () => Promise.reject(new BuildError('build-failed', 'x'))).catch(() => undefined)
  expect((await row()).steps).toMatchObject([
    { ...stored[0], earlier: true },
    { ...stored[1], finishedAt: expect.any(String), error: { code: 'interrupted' }, earlier: true },
    { name: 'host', error: null },
    { name: 'build', error: { code: 'build-failed' } },
  ])

  const again = await begun(new AbortController().signal, 60, stored)
  again.progress.goOn()
  await again.progress.step('host', async () => undefined)
  const open = again.progress.step('build', async () => expect((await again.row()).steps).toMatchObject(stored))
  await open
  await again.progress
    .step('cleanup', () => Promise.reject(new BuildError('cleanup-failed', 'x')))
    .catch(() => undefined)
  expect((await again.row()).steps).toEqual([
    stored[0],
    { ...stored[1], finishedAt: expect.any(String) },
    expect.objectContaining({ name: 'cleanup' }),
  ])
})

it('keeps of very many attempts the first and last steps, and what was to be pushed', () => {
  const at = new Date(0).toISOString()
  const steps = Array.from({ length: 4000 }, (_, i) => ({
    ...{ name: 'cleanup', startedAt: at, finishedAt: String(i), error: null },
    ...(i === 2000 ? { name: 'push', content: 'sha256:x' } : {}),
  }))
  const kept = earlierSteps(steps, new Date(0))
  expect(kept.map(({ finishedAt }) => Number(finishedAt))).toEqual([
    ...Array.from({ length: 10 }, (_, i) => i),
    2000,
    ...Array.from({ length: 40 }, (_, i) => 3960 + i),
  ])
})
