import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { makeToken } from '../../src/access/api-tokens.ts'
import { bootstrap } from '../../src/access/principal.ts'
import { configFor } from '../notify/config.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { storeAccessWorld } from './access-world.ts'
import { host, storeSmallWorld } from './small-world.ts'
import { type Answer, type Loose, startApi, type TestApi } from './start-api.ts'

/** GET /repositories: what is there of what may be read, in pages that together are the whole. */
let pg: TestDatabase
const apis: TestApi[] = []
const apiOf = async (hosts: string[]): Promise<TestApi> => {
  const api = await startApi(pg, configFor(hosts).registries)
  apis.push(api)
  return api
}
const tokenOf = async (api: TestApi, user: string, scopes: string[] = []) =>
  (await makeToken(api.d, bootstrap, { user, name: 't', scopes, expiresAt: null })).token

async function pages(api: TestApi, path: string, limit: number, token = api.token): Promise<Loose[]> {
  const found: Loose[] = []
  for (let next: string | null = ''; next !== null; ) {
    const { body }: Answer<Loose> = await api.call(
      'GET',
      `${path}${path.includes('?') ? '&' : '?'}limit=${limit}${next}`,
      { token },
    )
    expect(body.items.length).toBeLessThanOrEqual(limit)
    found.push(...body.items)
    next = body.next === null ? null : `&cursor=${encodeURIComponent(body.next)}`
  }
  return found
}
const namesIn = (items: readonly Loose[]) => items.map((item) => item.repository)
const full = (...names: string[]) => names.map((name) => `${host}/${name}`)

beforeAll(async () => {
  pg = await testDatabase()
})
afterAll(async () => {
  for (const api of apis) await api.close()
  await pg.close()
})

test('of one registry: counted, without what is outside or configured no more; as many as the namespaces say', async () => {
  await storeSmallWorld(pg)
  await pg.sql`insert into registry (name, outside, gone) values ('docker.io', true, false), ('was:5000', true, true)`
  await pg.sql`
    insert into repository (registry_id, name, namespace)
    select id, 'library/debian', 'library' from registry where outside`
  const api = await apiOf([host])
  const { items, next } = await api.get('repositories')
  expect(next).toBeNull()
  expect(items).toEqual([
    { repository: `${host}/app/gone`, namespace: 'app', tags: 0, outdated: 0 },
    { repository: `${host}/app/late`, namespace: 'app', tags: 1, outdated: 0 },
    ...['leaf', 'run', 'tool'].map((name) => ({
      ...{ repository: `${host}/app/${name}`, namespace: 'app', tags: 1, outdated: 1 },
    })),
    { repository: `${host}/lib/base`, namespace: 'lib', tags: 2, outdated: 0 },
    { repository: `${host}/solo`, namespace: '_', tags: 1, outdated: 0 },
  ])
  for (const { key, repositories, tags } of (await api.get('namespaces')).items) {
    const inside = (await api.get(`repositories?namespace=${key}`)).items
    expect([key, inside.length, inside.reduce((sum, one) => sum + Number(one.tags), 0)]).toEqual([
      ...[key, repositories, tags],
    ])
  }
  expect(namesIn((await api.get('repositories?namespace=_')).items)).toEqual(full('solo'))
  expect((await api.get('repositories?namespace=nowhere')).items).toEqual([])
  expect((await api.call('GET', 'repositories?namespace=a/b')).body.code).toBe('bad-request')
  await pg.sql`update tag set ignored = '{}' where ref = ${`${host}/app/run:1`}`
  const [, , , run] = (await api.get('repositories')).items
  expect(run).toMatchObject({ repository: `${host}/app/run`, tags: 1, outdated: 0 })
})

test('of several: registry after registry, each name once, whatever the pages are cut to', async () => {
  await pg.sql`insert into registry (name) values ('two:5000'), ('a-first:5000')`
  await pg.sql`
    insert into repository (registry_id, name, namespace)
    select g.id, ns || '/' || n, ns from registry g, unnest(array['app', 'lib', 'zoo']) as ns, generate_series(1, 5) as n
    where g.name in ('two:5000', 'a-first:5000')`
  const api = await apiOf([host, 'two:5000', 'a-first:5000'])
  const whole = (await api.get('repositories')).items
  expect(whole).toHaveLength(37)
  expect(new Set(namesIn(whole)).size).toBe(37)
  for (const limit of [1, 2, 4, 15, 36, 37]) expect(await pages(api, 'repositories', limit)).toEqual(whole)
  const key = encodeURIComponent('two:5000/lib')
  const lib = await pages(api, `repositories?namespace=${key}`, 2)
  expect(namesIn(lib)).toEqual([1, 2, 3, 4, 5].map((n) => `two:5000/lib/${n}`))
  expect(new Set(lib.map(({ namespace }) => namespace))).toEqual(new Set(['two:5000/lib']))
})

test('of what may be read alone, page after page; who may read nothing has none', async () => {
  await pg.sql`truncate registry, namespace cascade`
  const api = await apiOf([host])
  await storeAccessWorld(pg, api)
  const vera = await tokenOf(api, 'vera')
  const stranger = await tokenOf(api, 'stranger')
  const own = full('guarded/run', 'hush/base', 'hush/run', 'plaza/plain', 'plaza/run')
  for (const limit of [1, 2, 3, 50]) {
    expect(namesIn(await pages(api, 'repositories', limit, vera))).toEqual(own)
    expect(namesIn(await pages(api, 'repositories', limit, stranger))).toEqual(
      full('elsewhere/run', 'guarded/run', 'plaza/plain', 'plaza/run'),
    )
  }
  expect(namesIn(await pages(api, 'repositories', 9, await tokenOf(api, 'root')))).toEqual([
    ...full('elsewhere/run'),
    ...own,
  ])
  expect(namesIn(await pages(api, 'repositories?namespace=hush', 9, stranger))).toEqual([])
  const scoped = await tokenOf(api, 'vera', ['read:hush'])
  expect(namesIn(await pages(api, 'repositories', 1, scoped))).toEqual(full('hush/base', 'hush/run'))
})
