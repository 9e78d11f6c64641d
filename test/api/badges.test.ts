import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { at, storeSmallWorld } from './small-world.ts'
import { startApi, type TestApi } from './start-api.ts'

let pg: TestDatabase
let api: TestApi
let token: string
beforeAll(async () => {
  pg = await testDatabase()
  api = await startApi(pg)
  await storeSmallWorld(pg)
  for (const [path, body] of [
    ['namespaces/app', { visibility: 'public' }],
    ['namespaces/lib', { visibility: 'private' }],
    ['users/vera', { email: 'vera@example.org' }],
    ['namespaces/lib/members/vera', { role: 'viewer' }],
  ] as const)
    expect((await api.call('PUT', path, { body })).status).toBe(200)
  token = (await api.call('POST', 'tokens', { body: { user: 'vera', name: 'badges' } })).body.token as string
})
afterAll(async () => {
  await api.close()
  await pg.close()
})

const badge = async (ref: string, given: string | null = null) => {
  const answer = await fetch(`${api.url}/api/v1/badge/${at(ref)}.svg`, {
    headers: given === null ? {} : { authorization: `Bearer ${given}` },
  })
  const svg = await answer.text()
  return { status: answer.status, says: /<title>([^<]*)<\/title>/.exec(svg)?.[1], svg, headers: answer.headers }
}

test('says what a tag in a public namespace is, to anybody', async () => {
  for (const [ref, says] of [
    ['app/run:1', 'base image: outdated'],
    ['reg:5000/app/run:1', 'base image: outdated'],
    ['app/late:1', 'base image: unknown'],
  ])
    expect(await badge(ref!)).toMatchObject({ status: 200, says })
  const { headers } = await badge('app/run:1')
  expect(headers.get('content-type')).toMatch(/^image\/svg\+xml/)
  expect(headers.get('cache-control')).toBe('public, max-age=60')
})

test('tells what is not there, was deleted, is no tag, is elsewhere, or is not theirs to see by one picture', async () => {
  const absent = await badge('app/never:1')
  expect(absent).toMatchObject({ status: 404, says: 'base image: not found' })
  for (const ref of [
    'lib/base:1',
    'app/gone:1',
    'solo:latest',
    'other.example:5000/app/run:1',
    '%%%',
    'app/run',
    '<svg>',
  ])
    expect(await badge(ref)).toMatchObject({ status: 404, svg: absent.svg })
})

test('says it to members of a private namespace, and is not kept for others', async () => {
  const own = await badge('lib/base:1', token)
  expect(own).toMatchObject({ status: 200, says: 'base image: current' })
  expect(own.headers.get('cache-control')).toBe('private, no-store')
  expect((await badge('solo:latest', token)).status).toBe(404)
  expect(await badge('lib/base:1', 'ddk_wrong')).toMatchObject({ status: 401 })
})

test('a cookie of no session is nobody’s: what is open stays open, what is not does not', async () => {
  const headers = { cookie: `drydock_session=${'x'.repeat(43)}` }
  const open = (await api.call('GET', 'tags?limit=1')).body.items[0]!.ref
  const badge = (more: object) => api.call('GET', `badge/${encodeURIComponent(open)}.svg`, { token: null, ...more })
  expect((await badge({ headers })).text).toBe((await badge({})).text)
  expect((await badge({ headers })).status).toBe((await badge({})).status)
  expect((await api.call('GET', 'me', { token: null, headers })).status).toBe(401)
  expect((await badge({ headers: { authorization: 'Bearer wrong' } })).status).toBe(401)
})

test('nobody keeps what the API answers, but for a badge', async () => {
  const kept = async (path: string, token?: null) =>
    (await api.call('GET', path, token === null ? { token } : {})).headers.get('cache-control')
  expect([await kept('tags'), await kept('tags/nothing'), await kept('me', null)]).toEqual(Array(3).fill('no-store'))
  expect(await kept('badge/nothing.svg', null)).toMatch(/^public, max-age=/)
})
