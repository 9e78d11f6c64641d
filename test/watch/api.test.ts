import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { refresh } from '../../src/staleness/refresh.ts'
import { authenticate } from '../../src/webhook/authenticate.ts'
import { startApi, type TestApi } from '../api/start-api.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { pushImage, startSmall, type TestRegistry } from '../support/registry.ts'
import { basedOn } from './stage.ts'

/** One registry of ours, called hub.corp too; another that nobody configured; between them, calls of the API alone. */
let pg: TestDatabase
let api: TestApi
let ours: TestRegistry
let outside: TestRegistry

const at = encodeURIComponent
const reconcile = async (body: object = {}) => {
  const { status, body: found } = await api.call('POST', 'reconcile', { body })
  expect(status).toBe(200)
  await refresh(api.d)
  return found.items.map(({ ref, kind }) => `${kind} ${ref}`)
}
const refs = async (path: string) => (await api.get(path)).items.map(({ ref }) => ref)

beforeAll(async () => {
  pg = await testDatabase()
  ours = await startSmall()
  outside = await startSmall()
  const registry = { name: ours.host, aliases: ['hub.corp'], url: ours.url, insecure: false }
  api = await startApi(pg, [registry], { outside: [], watch: ['localhost:*'] })
  const top = await pushImage(outside.client, { repository: 'lib/top', tag: '1', layers: ['t1'] })
  const named = basedOn(`${outside.host}/lib/top:1`, top.manifestDigest)
  const mid = await pushImage(outside.client, { repository: 'lib/mid', tag: '1', layers: ['m1'], annotations: named })
  const annotations = basedOn(`${outside.host}/lib/mid:1`, mid.manifestDigest)
  await pushImage(ours.client, { repository: 'app/run', tag: '1', layers: ['own'], annotations })
})
afterAll(async () => {
  await api.close()
  await Promise.all([ours.close(), pg.close()])
})

describe('the API', () => {
  test('reconciles what is outside with the rest, and knows it by name', async () => {
    expect((await reconcile({ dryRun: true })).filter((found) => found.includes(outside.host))).toEqual([])
    const found = [...(await reconcile()), ...(await reconcile())]
    expect(found).toContain(`new ${outside.host}/lib/mid:1`)
    expect(found).toContain(`new ${outside.host}/lib/top:1`)
    expect(await api.get(`tags/${at('app/run:1')}`)).toMatchObject({ status: 'current' })
    expect(await api.get(`tags/${at(`${outside.host}/lib/mid:1`)}`)).toMatchObject({ status: 'current' })
    expect((await api.get(`tags/${at(`${outside.host}/lib/mid:1`)}/history`)).items).toHaveLength(1)
    expect((await api.get(`tags/${at('app/run:1')}/lineage`)).root.children).toHaveLength(1)
  })

  test('lists what is watched, with what went wrong', async () => {
    expect(await refs('watches')).toEqual([`${outside.host}/lib/mid:1`, `${outside.host}/lib/top:1`])
    expect(await refs('watches?host=quay.io')).toEqual([])
    const [first] = (await api.get('watches?limit=1')).items
    expect(first).toMatchObject({ ref: `${outside.host}/lib/mid:1`, error: null, pausedUntil: null })
  })

  test('keeps tags outside out of its lists, also where they are outdated', async () => {
    await pushImage(outside.client, { repository: 'lib/top', tag: '1', layers: ['t2'] })
    expect(await reconcile({ registry: outside.host })).toEqual([`moved ${outside.host}/lib/top:1`])
    expect(await api.get(`tags/${at(`${outside.host}/lib/mid:1`)}`)).toMatchObject({ status: 'outdated' })
    expect(await refs('outdated')).toEqual([`${ours.host}/app/run:1`])
    expect(await refs('tags')).toEqual([`${ours.host}/app/run:1`])
    expect((await api.get('namespaces')).items).toMatchObject([{ key: 'app', tags: 1, outdated: 1 }])
    expect(await refs(`outdated?base=${at(`${outside.host}/lib/top:1`)}`)).toEqual([`${ours.host}/app/run:1`])
  })

  test('builds nothing outside, and takes no recipe for it', async () => {
    const body = { git: { url: 'https://git.example.org/a', ref: 'main' } }
    const there = await api.call('PUT', `recipes/${at(`${outside.host}/lib/mid:1`)}`, { body })
    expect([there.status, there.body.code]).toEqual([404, 'no-such-registry'])
    expect(await pg.db.build.count()).toBe(0)
  })

  test('knows a registry by its further hosts', async () => {
    expect(await api.get(`tags/${at('hub.corp/app/run:1')}`)).toMatchObject({ ref: `${ours.host}/app/run:1` })
    expect(await reconcile({ registry: 'HUB.corp' })).toEqual([])
    const body = { git: { url: 'https://git.example.org/a', ref: 'main' }, base: 'hub.corp/lib/base:1' }
    expect((await api.call('PUT', `recipes/${at('hub.corp/app/run:1')}`, { body })).body).toMatchObject({
      base: `${ours.host}/lib/base:1`,
    })
    expect(await pg.db.recipe.findMany()).toMatchObject([{ ref: `${ours.host}/app/run:1` }])
    const unknown = await api.call('POST', 'reconcile', { body: { registry: 'elsewhere.org' } })
    expect([unknown.status, unknown.body.code]).toEqual([404, 'no-such-registry'])
  })
})

test('a webhook may call its registry by any of its hosts', () => {
  const config = {
    registries: [
      { name: 'a.org', aliases: ['b.org'], url: 'https://a.org', insecure: false },
      { name: 'c.org', url: 'https://c.org', insecure: false },
    ],
    webhookToken: 'token',
  }
  expect(['a.org', 'B.org', 'c.org', 'd.org'].map((host) => authenticate(config, 'Bearer token', host))).toEqual([
    'a.org',
    'a.org',
    'c.org',
    null,
  ])
})

test('tells what could not be asked for, and changes nothing of what is known', async () => {
  const before = await api.get(`tags/${at('app/run:1')}`)
  await outside.close()
  const { body } = await api.call('POST', 'reconcile', { body: { registry: outside.host } })
  expect(body.items).toEqual([])
  expect(body.failed).toMatchObject([{ ref: `${outside.host}/lib/mid:1` }, { ref: `${outside.host}/lib/top:1` }])
  await refresh(api.d)
  expect(await api.get(`tags/${at('app/run:1')}`)).toEqual(before)
})
