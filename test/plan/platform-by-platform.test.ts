import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { plan } from '../../src/plan/make-plan.ts'
import { listPlans } from '../../src/plan/read-plans.ts'
import { rebuildStates } from '../../src/plan/rebuild-states.ts'
import { lackedAtMost } from '../../src/plan/settle.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { planDeps, ref, storedVerdicts } from './stored-verdicts.ts'

/** A base that is pushed for one platform after the other, slower than it has to stay put. */
let pg: TestDatabase
let seconds = 0
const start = Date.parse('2026-01-05T12:00:00Z')
const clock = () => new Date(start + seconds * 1000)
const settle = 30
let s: ReturnType<typeof storedVerdicts>
const d = () => planDeps(pg, clock, settle)
const state = async (name: string) => (await rebuildStates(d(), [ref(name)])).get(ref(name))!

beforeAll(async () => {
  pg = await testDatabase()
  s = storedVerdicts(pg.sql, clock)
})
afterAll(() => pg.close())
beforeEach(async () => {
  seconds = 0
  await s.clear()
  await pg.sql`truncate index_entry, manifest cascade`
})

const [amd, arm] = ['linux/amd64', 'linux/arm64'] as [string, string]

/** An index of these platforms, and the tag at it. */
async function push(name: string, digest: string, platforms: string[]): Promise<void> {
  await pg.sql`
    insert into manifest (digest, media_type, kind, layer_count, history_accounts, first_seen_at)
    values (${digest}, 'x', 'index', 0, true, 0) on conflict do nothing`
  for (const [i, platform] of platforms.entries())
    await pg.sql`
      insert into index_entry (index_digest, position, manifest_digest, platform, attestation)
      values (${digest}, ${i}, ${`${digest}-${i}`}, ${platform}, false) on conflict do nothing`
  await s.push(name, digest)
}
/** app/both is there for both platforms, app/one for the first; base at `to` makes them outdated. */
async function judged(to: string): Promise<void> {
  for (const name of ['app/both', 'app/one'])
    await s.judge(name, [{ name: 'lib/base' }], [{ base: 'lib/base', to }], name === 'app/one' ? [amd] : [amd, arm])
}
async function pushedInPart(): Promise<void> {
  await push('lib/base', 'base-1', [amd, arm])
  await s.judge('lib/base', [])
  for (const name of ['app/both', 'app/one']) {
    await s.push(name, `${name}-1`)
    await s.recipe(name)
  }
  seconds += 86_400
  await push('lib/base', 'base-2', [amd])
  await judged('base-2')
}
const queued = async () => (await s.builds()).filter((build) => build.state === 'queued').map((build) => build.ref)

describe('what is built for a platform that has not come yet', () => {
  test('waits, though the base stays put; the rest does not; and starts at once when it has come', async () => {
    await pushedInPart()
    await plan(d())
    expect(await state('app/both')).toMatchObject({ state: 'settling', waitsFor: [] })
    seconds += settle
    await plan(d())
    expect(await queued()).toEqual([ref('app/one')])
    expect(await state('app/both')).toMatchObject({ state: 'settling', waitsFor: [ref('lib/base')] })
    expect((await state('app/both')).because).toContain('linux/arm64')
    expect(await listPlans(d(), { state: null, after: null, limit: 10 })).toMatchObject([{ state: 'open', toBuild: 2 }])
    seconds += 1200
    await push('lib/base', 'base-3', [amd, arm])
    await s.judge('app/both', [{ name: 'lib/base' }], [{ base: 'lib/base', to: 'base-3' }], [amd, arm])
    await plan(d())
    expect(await queued()).toContain(ref('app/both'))
  })

  test('waits no longer than it may: one that was dropped holds nobody for ever, and a look is due then', async () => {
    await pushedInPart()
    seconds += settle
    await plan(d())
    const due = (await s.jobs()).filter(({ key }) => key === 'plan:later').at(-1)!
    expect(due.runAt).toEqual(new Date(start + (86_400 + lackedAtMost) * 1000))
    seconds = 86_400 + lackedAtMost
    await plan(d())
    expect((await queued()).sort()).toEqual([ref('app/both'), ref('app/one')])
  })

  test('takes back what was queued when a platform goes, and pushes that leave it away do not end the waiting', async () => {
    await push('lib/base', 'base-0', [amd, arm])
    await pushedInPart()
    seconds += 600
    await push('lib/base', 'base-2b', [amd])
    await judged('base-2b')
    seconds += settle
    await plan(d())
    expect(await queued()).toEqual([ref('app/one')])
    seconds += 600
    await push('lib/base', 'base-3', [amd, arm])
    await judged('base-3')
    seconds += settle
    await plan(d())
    expect(await queued()).toHaveLength(2)
    await push('lib/base', 'base-4', [amd])
    await judged('base-4')
    seconds += settle
    await plan(d())
    expect(await queued()).toEqual([ref('app/one')])
  })

  test('is not held by a platform that its own recipe does not ask for', async () => {
    await pushedInPart()
    await s.recipe('app/both', { platforms: [amd] })
    await s.recipe('app/one', { platforms: [amd, 'linux/arm64/v8'] })
    seconds += settle
    await plan(d())
    expect(await queued()).toEqual([ref('app/both')])
  })
})
