import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { loadPreview } from '../../src/plan/load-preview.ts'
import { plan } from '../../src/plan/make-plan.ts'
import { preview } from '../../src/plan/preview.ts'
import { listPlans, planNodes } from '../../src/plan/read-plans.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { planDeps, ref, storedVerdicts } from './stored-verdicts.ts'

let pg: TestDatabase
let seconds = 0
const start = Date.parse('2026-01-05T12:00:00Z')
const clock = () => new Date(start + seconds * 1000)
let s: ReturnType<typeof storedVerdicts>
const d = () => planDeps(pg, clock)
const oldest = async () => (await listPlans(d(), { state: null, after: null, limit: 10 })).at(-1)!
const nodes = async () => planNodes(d(), (await oldest()).id, { after: null, limit: 10 })

beforeAll(async () => {
  pg = await testDatabase()
  s = storedVerdicts(pg.sql, clock)
})
afterAll(() => pg.close())
beforeEach(async () => {
  await s.clear()
  await s.push('lib/base', 'base-1')
  await s.judge('lib/base', [])
  for (const name of ['app/c', 'app/kept']) {
    await s.push(name, `${name}-1`)
    await s.judge(name, [{ name: 'lib/base' }])
  }
  await s.recipe('app/c')
  await pg.sql`
    update tag set ignored = ${JSON.stringify({ rule: 'previous', scope: ref('app/c'), detail: '' })}::text::jsonb where ref = ${ref('app/kept')}`
})
async function move(to: string): Promise<void> {
  seconds += 100
  await s.push('lib/base', to)
  for (const name of ['app/c', 'app/kept']) await s.judge(name, [{ name: 'lib/base' }], [{ base: 'lib/base', to }])
}

test('a tag that only helps with another is in no preview, and in no plan', async () => {
  const loaded = await pg.sql.begin('isolation level repeatable read read only', (tx) =>
    loadPreview(d(), tx, ref('lib/base')),
  )
  const foreseen = preview(loaded.input)
  expect([loaded.dependents, foreseen.nodes.map((node) => node.ref)]).toEqual([1, [ref('app/c')]])
  await move('base-2')
  await plan(d())
  expect(await oldest()).toMatchObject({ nodes: 1, toBuild: 1 })
  expect((await nodes()).map((node) => node.ref)).toEqual([ref('app/c')])
})

test('what a plan has built stays told as built by it, whatever the tag is today', async () => {
  await move('base-2')
  await plan(d())
  expect(await nodes()).toMatchObject([{ state: 'queued', built: false }])
  await s.run('app/c')
  seconds += 5
  await s.push('app/c', 'c-2')
  await s.judge('app/c', [{ name: 'lib/base' }])
  await s.end('app/c', 'c-2')
  await plan(d())
  expect(await nodes()).toMatchObject([{ state: 'built', built: true }])
  await move('base-3')
  await plan(d())
  expect(await nodes()).toMatchObject([{ state: 'queued', built: true }])
})
