import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { makeToken } from '../../src/access/api-tokens.ts'
import { bootstrap } from '../../src/access/principal.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { put } from './access-world.ts'
import { at, host } from './small-world.ts'
import { startApi, type TestApi } from './start-api.ts'

/** What is told of a failed build: to stranger and vera (a viewer) of its code alone, to pia and cora in words; hush is open to cora alone. */
let pg: TestDatabase
let api: TestApi
let id: string
const tokens: Record<string, string> = {}
const git = 'https://git.internal.test/acquisition/projectx.git'
const message = `credential deploykey may not be used for ${git}`
const inStep = `${host}/hush/topsecret:9 does not exist`
const base = `${host}/hush/topsecret:9`
const refused = { code: 'credential-not-for-url', retryable: false }
const sentence = 'a credential that it needs is missing, or not for this use'
const log = ['rebasing to reg:50', '00/hush/topse', 'cret:9 at sha\nfetching main of ', `${git}\nend`]

beforeAll(async () => {
  pg = await testDatabase()
  api = await startApi(pg)
  for (const user of ['stranger', 'vera', 'pia', 'cora']) {
    await put(api, `users/${user}`, { email: `${user}@example.org` })
    tokens[user] = (await makeToken(api.d, bootstrap, { user, name: 't', scopes: [], expiresAt: null })).token
  }
  tokens.reader = (
    await makeToken(api.d, bootstrap, { user: 'cora', name: 'r', scopes: ['read'], expiresAt: null })
  ).token
  await put(api, 'namespaces/plaza', { visibility: 'public' })
  await put(api, 'namespaces/hush', { visibility: 'private' })
  for (const [ns, user, role] of [
    ['plaza', 'vera', 'viewer'],
    ['plaza', 'pia', 'contributor'],
    ['plaza', 'cora', 'owner'],
    ['hush', 'cora', 'viewer'],
  ])
    await put(api, `namespaces/${ns}/members/${user}`, { role })
  id = await failed('plaza')
  await pg.sql`
    insert into registry (id, name) values (1, ${host})`
  await pg.sql`
    with repo as (insert into repository (registry_id, name, namespace) values (1, 'plaza/run', 'plaza') returning id)
    insert into tag (repository_id, name, ref, head_digest, head_at, status) select id, '1', ${`${host}/plaza/run:1`}, 'sha256:d', 1, 'current' from repo`
})
afterAll(async () => {
  await api.close()
  await pg.close()
})

async function failed(ns: string): Promise<string> {
  const error = { code: refused.code, message, retryable: false }
  const steps = [
    { name: 'checkout', startedAt: '2026-01-01T00:00:00.000Z', finishedAt: null, error: { ...error, message: inStep } },
  ]
  const [row] = await pg.sql<{ id: string }[]>`
    insert into build (ref, key, state, builder, reason, recipe, created_at, started_at, finished_at, steps, error, namespace_key)
    values (${`${host}/${ns}/run:1`}, 'k', 'failed', 'rebase', ${pg.sql.json({ kind: 'manual' })}, '{}', now(), now(), now(),
      ${pg.sql.json(steps)}, ${pg.sql.json(error)}, ${ns}) returning id`
  for (const [seq, text] of log.entries())
    await pg.sql`insert into build_log (build_id, seq, at, text) values (${row!.id}, ${seq}, now(), ${text})`
  return row!.id
}
const as = (user: string, path: string, headers: Record<string, string> = {}) =>
  api.call('GET', path, { token: tokens[user]!, headers })

describe('why it failed', () => {
  const shown = async (user: string) => {
    const one = (await as(user, `builds/${id}`)).body
    const [listed] = (await as(user, 'builds?state=failed')).body.items
    expect(listed).toEqual(one)
    return { error: one.error, steps: (one.steps as { error: object }[]).map(({ error }) => error) }
  }

  test.each(['stranger', 'vera'])('to %s, who may not build: its code, and what that says', async (user) => {
    const told = { ...refused, message: sentence }
    expect(await shown(user)).toEqual({ error: told, steps: [told] })
  })

  test('to who may build: in words, without the names that they may not read', async () => {
    expect(await shown('cora')).toEqual({
      error: { ...refused, message },
      steps: [{ ...refused, message: inStep }],
    })
    expect(await shown('reader')).toEqual(await shown('cora'))
    expect(await shown('pia')).toEqual({
      error: { ...refused, message },
      steps: [{ ...refused, message: '(withheld) does not exist' }],
    })
  })

  test('after a cancel too', async () => {
    const [row] = await pg.sql<{ id: string }[]>`
      insert into build (ref, key, state, reason, recipe, created_at, namespace_key)
      values (${`${host}/plaza/other:1`}, 'k', 'queued', ${pg.sql.json({ kind: 'manual' })}, '{}', now(), 'plaza') returning id`
    const cancelled = await api.call('POST', `builds/${row!.id}/cancel`, { token: tokens.pia! })
    expect(cancelled.body.error).toMatchObject({ code: 'cancelled', message: 'cancelled before it began' })
    expect((await as('stranger', `builds/${row!.id}`)).body.error).toMatchObject({ message: 'it was cancelled' })
  })

  test('is nowhere else told to who may not build', async () => {
    await pg.sql`
      insert into build (ref, key, state, builder, reason, recipe, created_at, started_at, finished_at, digest, steps, namespace_key)
      values (${`${host}/plaza/run:1`}, 'k2', 'succeeded', 'rebase', ${pg.sql.json({ kind: 'manual' })}, '{}', now(), now(), now(), 'sha256:d',
        ${pg.sql.json([{ name: 'host', startedAt: '2026-01-01T00:00:00.000Z', finishedAt: null, error: { code: 'interrupted', message: git } }])}, 'plaza')`
    const ref = at('plaza/run:1')
    const paths = [
      'builds',
      `builds/${id}`,
      `tags/${ref}`,
      `tags/${ref}/why`,
      'tags',
      'outdated',
      'plans',
      'namespaces/plaza',
    ]
    for (const path of paths) {
      const { status, text } = await as('stranger', path)
      expect([path, status]).toEqual([path, 200])
      expect([path, text.includes('git.internal'), text.includes('deploykey'), text.includes('topsecret')]).toEqual([
        path,
        false,
        false,
        false,
      ])
    }
    expect((await as('pia', `tags/${ref}/why`)).text).toContain('git.internal')
  })
})

describe('a log', () => {
  const path = () => `builds/${id}/logs`
  const events = { accept: 'text/event-stream' }
  const whole = `rebasing to ${base} at sha\nfetching main of ${git}\nend`

  test.each([
    ['stranger', ''],
    ['stranger', '?follow=1'],
    ['vera', ''],
  ])('is none of the business of %s', async (user, query) => {
    for (const headers of [{}, events]) {
      const answer = await as(user, `${path()}${query}`, headers)
      expect([answer.status, answer.body.code]).toEqual([403, 'forbidden'])
      expect(answer.text).toContain('contributors and owners')
    }
  })

  test('of a namespace that may not be read is not there', async () => {
    const hidden = await failed('hush')
    const answer = await as('pia', `builds/${hidden}/logs`)
    expect([answer.status, answer.body.code]).toEqual([404, 'no-such-build'])
  })

  test.each(['', '?follow=1'])(
    'is told without the names that may not be read, however they were cut (%s)',
    async (query) => {
      expect((await as('pia', path() + query)).text).toBe(whole.replace(base, '(withheld)'))
      expect((await as('cora', path() + query)).text).toBe(whole)
      expect((await as('reader', path() + query)).text).toBe(whole)
      expect((await api.call('GET', path() + query)).text).toBe(whole)
    },
  )

  test('as events it goes on where it broke off, at any of its places', async () => {
    const read = (text: string) =>
      text.split('\n\n').flatMap((block) => {
        const place = /^id: (.*)$/m.exec(block)?.[1]
        if (place === undefined) return []
        const lines = block.split('\n').filter((line) => line.startsWith('data: '))
        return [{ place, text: lines.map((line) => line.slice(6)).join('\n') }]
      })
    for (const [user, wanted] of [
      ['pia', whole.replace(base, '(withheld)')],
      ['cora', whole],
    ] as const) {
      const all = read((await as(user, path(), events)).text)
      expect(all.map(({ text }) => text).join('')).toBe(wanted)
      for (const [i, { place }] of all.entries()) {
        const rest = read((await as(user, path(), { ...events, 'last-event-id': place })).text)
        const told = [...all.slice(0, i + 1), ...rest].map(({ text }) => text).join('')
        expect([place, told]).toEqual([place, wanted])
      }
    }
  })
})
