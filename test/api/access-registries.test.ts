import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { makeToken } from '../../src/access/api-tokens.ts'
import { bootstrap } from '../../src/access/principal.ts'
import { configFor } from '../notify/config.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { put } from './access-world.ts'
import { at, host, storeSmallWorld } from './small-world.ts'
import { startApi, type TestApi } from './start-api.ts'

/** With several registries a namespace is of one of them: the same name elsewhere opens nothing. */
let pg: TestDatabase
let api: TestApi
let ann: string
let bob: string
beforeAll(async () => {
  pg = await testDatabase()
  await storeSmallWorld(pg)
  api = await startApi(pg, configFor([host, 'two:5000']).registries)
  for (const user of ['ann', 'bob']) await put(api, `users/${user}`, { email: null })
  await put(api, `namespaces/${at(`${host}/app`)}/members/ann`, { role: 'viewer' })
  await put(api, `namespaces/${at('two:5000/app')}/members/bob`, { role: 'owner' })
  const of = async (user: string, scopes: string[] = []) =>
    (await makeToken(api.d, bootstrap, { user, name: 't', scopes, expiresAt: null })).token
  ann = await of('ann', [`read:${host}/app`])
  bob = await of('bob')
})
afterAll(async () => {
  await api.close()
  await pg.close()
})

const refs = async (token: string, path: string) =>
  (await api.call('GET', path, { token })).body.items.map((item) => item.ref ?? item.key)

test('who is a member of it there', async () => {
  const tags = ['app/late:1', 'app/leaf:1', 'app/run:1', 'app/tool:1'].map((name) => `${host}/${name}`)
  expect(await refs(ann, 'tags')).toEqual(tags)
  expect(await refs(ann, 'namespaces')).toEqual([`${host}/app`])
  const outdated = await api.call('GET', 'outdated', { token: ann })
  expect(outdated.text).not.toContain('lib/base')
  expect(outdated.body.items.length).toBeGreaterThan(1)
  for (const item of outdated.body.items) expect(item.causes[0]).toMatchObject({ base: '(withheld)' })
  expect((await api.call('GET', `tags/${at(`${host}/app/run:1`)}`, { token: ann })).status).toBe(200)
})

test('who is a member of its namesake elsewhere', async () => {
  expect(await refs(bob, 'tags')).toEqual([])
  expect(await refs(bob, 'namespaces')).toEqual(['two:5000/app'])
  expect((await api.call('GET', `tags/${at(`${host}/app/run:1`)}`, { token: bob })).body.code).toBe('no-such-tag')
  const recipe = await api.call('PUT', `recipes/${at(`${host}/app/run:1`)}`, {
    token: bob,
    body: { strategy: 'rebase' },
  })
  expect(recipe.status).toBe(404)
  const own = await api.call('PUT', `recipes/${at('two:5000/app/run:1')}`, { token: bob, body: { strategy: 'rebase' } })
  expect(own.status).toBe(200)
  expect(await refs(bob, 'recipes')).toEqual(['two:5000/app/run:1'])
})

test('a registry at an IPv6 address is one like others', async () => {
  const six = await startApi(pg, configFor(['[::1]:5999']).registries)
  try {
    for (const path of ['me', 'outdated', 'tags', 'namespaces'])
      expect([path, (await six.call('GET', path, { token: bob })).status]).toEqual([path, 200])
    const { status, body } = await six.call('GET', `tags/${at('[::1]:5999/hush/run:1')}`, { token: bob })
    expect([status, body.code]).toEqual([404, 'no-such-tag'])
  } finally {
    await six.close()
  }
})
