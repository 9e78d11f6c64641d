import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { plan } from '../../src/plan/make-plan.ts'
import { drydock } from '../cli/run.ts'
import { planDeps, ref, storedVerdicts } from '../plan/stored-verdicts.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { startApi, type TestApi } from './start-api.ts'

let pg: TestDatabase
let api: TestApi
beforeAll(async () => {
  pg = await testDatabase()
  api = await startApi(pg)
  const s = storedVerdicts(pg.sql, () => new Date())
  await s.push('lib/base', 'base-1')
  await s.judge('lib/base', [])
  await s.push('lib/base', 'base-2')
  for (const name of ['app/one', 'app/two', 'app/none']) {
    await s.push(name, `${name}-1`)
    await s.judge(name, [{ name: 'lib/base' }], [{ base: 'lib/base', to: 'base-2' }])
    if (name !== 'app/none') await s.recipe(name)
  }
  const deps = planDeps(pg, () => new Date())
  await plan({ ...deps, config: { ...deps.config, builds: { ...deps.config.builds, approveOver: 1 } } })
})
afterAll(async () => {
  await api.close()
  await pg.close()
})

test('a plan is listed and shown, approved, cancelled, from the API and the shell', async () => {
  const { items } = await api.get('plans?state=approval')
  const id = items[0]!.id
  expect(items).toMatchObject([{ base: ref('lib/base'), counts: { nodes: 3, toBuild: 2, built: 0 } }])
  const whole = await api.get(`plans/${id}`)
  expect(whole).toMatchObject({
    ...{ state: 'approval', because: { code: 'too-many' }, next: null },
    nodes: [
      { ref: ref('app/one'), level: 1, state: 'settling' },
      { ref: ref('app/two'), level: 1, state: 'settling' },
      { ref: ref('app/none'), level: null, because: 'no-recipe', state: 'none' },
    ],
    told: [{ namespace: 'app', people: [] }],
  })
  const pages = await api.get(`plans/${id}/nodes?limit=2`)
  expect(pages.items).toHaveLength(2)
  expect((await api.get(`plans/${id}/nodes?limit=2&cursor=${pages.next}`)).items).toMatchObject([
    { ref: ref('app/none') },
  ])
  const env = { DRYDOCK_URL: api.url, DRYDOCK_TOKEN: api.token, USER: 'ann' }
  expect((await drydock(['plans'], env)).out).toContain(id)
  expect((await drydock(['plans', id], env)).out).toContain('no-recipe')
  expect(await drydock(['approve', id], env)).toMatchObject({ code: 0 })
  expect(await api.get(`plans/${id}`)).toMatchObject({ state: 'open', approvedBy: 'ann' })
  expect(await drydock(['cancel-plan', id], env)).toMatchObject({ code: 0 })
  expect(await api.get(`plans/${id}`)).toMatchObject({ state: 'cancelled', because: { code: 'cancelled' } })
  expect(await api.call('POST', `plans/${id}/approve`)).toMatchObject({ status: 409, body: { code: 'plan-over' } })
  expect((await api.call('GET', `plans/${crypto.randomUUID()}`)).body.code).toBe('no-such-plan')
})
