import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { type SmallRegistry, startSmallRegistry } from '../../src/demo/registry/small-registry.ts'
import type { Digest } from '../../src/oci/digest.ts'
import { freshContent, learnTags, pushContent } from '../build/world.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { startApi, type TestApi } from './start-api.ts'

let pg: TestDatabase
let registry: SmallRegistry
let api: TestApi
const at = async (tag: string) => (await client().headManifest('app/run', tag))?.digest ?? null
const client = () => api.d.registries.byName(registry.host)!
const push = (tag: string): Promise<Digest> => pushContent(client(), 'app/run', tag, freshContent(null, tag))

beforeAll(async () => {
  pg = await testDatabase()
  registry = await startSmallRegistry()
  api = await startApi(pg, [
    { name: registry.host, url: registry.url, username: null, password: null, insecure: false },
  ])
  const recipe = { strategy: 'rebase', base: 'lib/base:1', tags: ['stable', 'other'] }
  await api.call('PUT', 'recipes/app%2Frun%3A1', { body: recipe })
})
afterAll(async () => {
  await api.close()
  await registry.close()
  await pg.close()
})

const restore = (ref: string) => api.call('POST', `tags/${encodeURIComponent(ref)}/restore`)

test('there must be a tag, and something that was kept of it', async () => {
  expect([(await restore('app/run:1')).status, (await restore('app/run:1')).body.code]).toEqual([404, 'no-such-tag'])
  await push('1')
  const answer = await restore('app/run:1')
  expect([answer.status, answer.body.code]).toEqual([404, 'no-previous'])
  expect((await restore('elsewhere.example:5000/app/run:1')).body.code).toBe('no-such-registry')
})

test('tag and TAG-prev change places, and what moves along goes along where it stood with the tag', async () => {
  const [now, before, other] = [(await at('1'))!, await push('1-prev'), await push('other')]
  const manifest = (await client().getManifest('app/run', now))!
  await client().putManifest('app/run', 'stable', manifest)
  await learnTags(
    api.d,
    ['1', '1-prev', 'stable', 'other'].map((tag) => `${registry.host}/app/run:${tag}`),
  )
  const moved = await restore('app/run:1')
  const ref = (tag: string) => `${registry.host}/app/run:${tag}`
  expect([moved.status, moved.body]).toEqual([
    200,
    {
      ref: ref('1'),
      digest: before,
      moved: [
        { ref: ref('1'), from: now, to: before },
        { ref: ref('stable'), from: now, to: before },
        { ref: ref('1-prev'), from: before, to: now },
      ],
    },
  ])
  expect([await at('1'), await at('stable'), await at('1-prev'), await at('other')]).toEqual([
    before,
    before,
    now,
    other,
  ])
  expect(await api.get(`tags/${encodeURIComponent('app/run:1')}`)).toMatchObject({ digest: before, ignored: null })
  expect(await api.get(`tags/${encodeURIComponent('app/run:1-prev')}`)).toMatchObject({
    ignored: { rule: 'previous', scope: ref('1') },
  })
  expect((await restore('app/run:1')).body).toMatchObject({ digest: now })
  expect([await at('1'), await at('1-prev')]).toEqual([now, before])
})

test('not while it is built, and not to where it is', async () => {
  await pg.sql`
    insert into build (ref, key, state, reason, recipe) values (${`${registry.host}/app/run:1`}, 'k', 'running', '{"kind":"manual"}', '{}')`
  const running = await restore('app/run:1')
  expect([running.status, running.body.code]).toEqual([409, 'build-running'])
  await pg.sql`delete from build`
  await client().putManifest('app/run', '1-prev', (await client().getManifest('app/run', '1'))!)
  const same = await restore('app/run:1')
  expect([same.status, same.body.code]).toEqual([409, 'at-previous'])
})

test('without its recipe what was kept is a tag like any other', async () => {
  await api.call('DELETE', 'recipes/app%2Frun%3A1')
  expect(await api.get(`tags/${encodeURIComponent('app/run:1-prev')}`)).toMatchObject({ ignored: null })
})
