import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { curate } from '../../src/policy/curate.ts'
import { at, host, storeSmallWorld } from '../api/small-world.ts'
import { type Loose, startApi, type TestApi } from '../api/start-api.ts'
import { configFor } from '../notify/config.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'

let pg: TestDatabase
let api: TestApi
beforeAll(async () => {
  pg = await testDatabase()
  await storeSmallWorld(pg)
  api = await startApi(pg)
})
afterAll(async () => {
  await api.close()
  await pg.close()
})
beforeEach(async () => {
  await pg.sql`truncate tag_policy, snooze`
  await pg.sql`update tag set ignored = null`
})

const put = (scope: string, body: object) => api.call('PUT', `policies/${at(scope)}`, { body })
const refs = (list: Loose) => list.items.map((item) => item.ref.replace(`${host}/`, ''))
const whole = { include: [], exclude: [], keepNewest: null, keepBy: 'version', ignoreImmutable: false, immutable: [] }

describe('policies', () => {
  test('are stored as a whole, read, listed and removed', async () => {
    const first = await put('app', { exclude: ['pr-*'], keepNewest: 3, keepBy: 'push' })
    const stored = {
      ...whole,
      scope: 'app',
      exclude: ['pr-*'],
      keepNewest: 3,
      keepBy: 'push',
      updatedAt: expect.any(String),
    }
    expect([first.status, first.body]).toEqual([200, stored])
    expect(await api.get('policies/app')).toEqual(stored)
    expect((await put('app', { ignoreImmutable: true, immutable: ['v*'] })).body).toMatchObject({
      exclude: [],
      keepNewest: null,
    })
    await put('app/run', {})
    expect((await api.get('policies')).items.map(({ scope }) => scope)).toEqual(['app', `${host}/app/run`])
    expect((await api.get('policies?limit=1')).next).not.toBeNull()
    expect([
      (await api.call('DELETE', 'policies/app')).status,
      (await api.call('DELETE', 'policies/app')).body.code,
    ]).toEqual([204, 'no-such-policy'])
    expect((await api.call('GET', 'policies/app')).body.code).toBe('no-such-policy')
  })

  test.each([
    ['app', 'app'],
    ['_', '_'],
    ['app/run', `${host}/app/run`],
    [`${host}/app/run`, `${host}/app/run`],
    ['REG:5000/app/run', `${host}/app/run`],
    [`${host}/solo`, `${host}/_/solo`],
    ['_/solo', `${host}/_/solo`],
  ])('scope %s is %s', async (written, scope) => {
    expect((await put(written, {})).body.scope).toBe(scope)
  })
  test.each(['App', 'app/', '/app', 'app/run:1', 'app//run', `${host}/`, 'other.test:5000/App', 'a b'])(
    'scope %j is none',
    async (written) => {
      expect((await put(written, {})).body.code).toBe('bad-request')
    },
  )

  test('bad patterns are refused, each with the reason', async () => {
    const { status, body } = await put('app', { include: ['ok-*', '[a'], exclude: ['!x', ''], keepNewest: 0 })
    expect([status, body.errors.map(({ path, message }) => `${path}: ${message}`)]).toEqual([
      400,
      [
        'include.1: a [ and its ] do not pair',
        'exclude.0: a pattern is not negated: put it under exclude',
        'exclude.1: an empty pattern matches nothing',
        'keepNewest: Too small: expected number to be >=1',
      ],
    ])
  })

  test('what does not matter is not listed, unless asked for; its verdict stays, and is inherited', async () => {
    await put('app/run', { exclude: ['1'] })
    await curate(api.d, `${host}/app/run`)
    const ignored = { rule: 'exclude', scope: `${host}/app/run`, detail: '1' }
    expect(refs(await api.get('outdated'))).toEqual(['app/leaf:1', 'app/tool:1'])
    const all = await api.get('outdated?ignored=true')
    expect(all.items.map((item) => item.ignored)).toEqual([null, ignored, null])
    expect(await api.get('tags/app%2Frun%3A1')).toMatchObject({ status: 'outdated', ignored, snoozed: null })
    expect((await api.get('tags?repository=app/run')).items).toEqual([expect.objectContaining({ ignored })])
    expect((await api.get('tags/app%2Fleaf%3A1')).causes[0]).toMatchObject({ via: `${host}/app/run:1` })
  })
})

test('with several registries a scope begins with one of them', async () => {
  const two = await startApi(pg, configFor(['reg:5000', 's.test']).registries)
  const scope = async (text: string) => {
    const { body } = await two.call('PUT', `policies/${at(text)}`, { body: {} })
    return body.scope ?? body.code
  }
  for (const good of ['s.test/app', 's.test/_', 's.test/app/run']) expect(await scope(good)).toBe(good)
  for (const bad of ['t.test/app', 'app/run']) expect(await scope(bad)).toBe('no-such-registry')
  for (const bad of ['app', 's.test/']) expect(await scope(bad)).toBe('bad-request')
  await two.close()
})

test('a registry may be written by another name of it', async () => {
  const [registry] = configFor(['reg:5000']).registries
  const named = await startApi(pg, [{ ...registry!, aliases: ['cr.example.org'] }])
  const { body } = await named.call('PUT', `policies/${at('cr.example.org/app/run')}`, { body: {} })
  expect(body.scope).toBe('reg:5000/app/run')
  await named.close()
})

describe('snoozes', () => {
  const inDays = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString()
  const add = (more: object) =>
    api.call('POST', 'snoozes', { body: { kind: 'tag', reason: 'a release', expiresAt: inDays(14), ...more } })

  test('of a tag: shown with it, listed, hidden where wanted, ended', async () => {
    const expiresAt = inDays(14)
    const { status, body } = await add({ ref: 'app/run:1', expiresAt, by: 'ada' })
    const snoozed = { reason: 'a release', expiresAt, by: 'ada' }
    expect([status, body]).toEqual([
      201,
      { id: expect.any(String), kind: 'tag', ref: `${host}/app/run:1`, createdAt: expect.any(String), ...snoozed },
    ])
    expect((await api.get('outdated')).items.map((item) => item.snoozed)).toEqual([null, snoozed, null])
    expect(refs(await api.get('outdated?snoozed=false'))).toEqual(['app/leaf:1', 'app/tool:1'])
    expect((await api.get('tags/app%2Frun%3A1')).snoozed).toEqual(snoozed)
    expect((await api.get('snoozes')).items).toEqual([body])
    expect([
      (await api.call('DELETE', `snoozes/${body.id}`)).status,
      (await api.call('DELETE', `snoozes/${body.id}`)).body.code,
    ]).toEqual([204, 'no-such-snooze'])
    expect((await api.get('tags/app%2Frun%3A1')).snoozed).toBeNull()
  })

  test('of a base: of all that is outdated by nothing else', async () => {
    await add({ kind: 'base', ref: 'lib/base:1', expiresAt: inDays(3) })
    expect((await api.get('outdated')).items.map((item) => item.snoozed === null)).toEqual([false, false, false])
    expect((await api.get('outdated?snoozed=false')).items).toEqual([])
    await pg.sql`truncate snooze`
    await add({ kind: 'base', ref: 'app/run:1' })
    expect(refs(await api.get('outdated?snoozed=false'))).toEqual(['app/run:1', 'app/tool:1'])
    await add({ ref: 'app/leaf:1', reason: 'its own' })
    expect((await api.get('tags/app%2Fleaf%3A1')).snoozed).toMatchObject({ reason: 'its own', by: 'admin' })
  })

  test('that have ended are neither listed nor shown', async () => {
    await add({ ref: 'app/run:1' })
    await pg.sql`update snooze set expires_at = now() - interval '1 second'`
    expect([(await api.get('snoozes')).items, (await api.get('tags/app%2Frun%3A1')).snoozed]).toEqual([[], null])
  })

  test('page by the time they end', async () => {
    for (const [i, ref] of ['app/run:1', 'app/leaf:1', 'app/tool:1'].entries())
      await add({ ref, expiresAt: inDays(9 - i) })
    const first = await api.get('snoozes?limit=2')
    expect(refs(first)).toEqual(['app/tool:1', 'app/leaf:1'])
    expect(refs(await api.get(`snoozes?limit=2&cursor=${first.next}`))).toEqual(['app/run:1'])
  })

  test.each([
    [{ ref: 'app/run:1', reason: ' ' }, 'bad-request'],
    [{ ref: 'app/run:1', expiresAt: '2020-01-01T00:00:00Z' }, 'bad-request'],
    [{ ref: 'app/run:1', expiresAt: '2999-01-01T00:00:00Z' }, 'bad-request'],
    [{ ref: 'app/run:1', expiresAt: 'tomorrow' }, 'bad-request'],
    [{ ref: 'app/run:1', kind: 'namespace' }, 'bad-request'],
    [{ ref: 'app/rnu:1' }, 'no-such-tag'],
    [{ kind: 'base', ref: 'app/rnu:1' }, 'no-such-tag'],
    [{ ref: 'other.test:5000/app/run:1' }, 'no-such-registry'],
  ])('refuses %j', async (more, code) => expect((await add(more)).body.code).toBe(code))
  test('an id that is none', async () => {
    expect((await api.call('DELETE', 'snoozes/x')).body.code).toBe('no-such-snooze')
  })
})
