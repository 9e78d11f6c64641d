import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { put, storeAccessWorld } from '../api/access-world.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { post, sessionIn, startPages, type TestPages } from './start-pages.ts'

/** The pages that links of mails, channels and Portus lead to. */
const password = 'correct horse battery'
let pg: TestDatabase
let pages: TestPages
let build: string
const cookies: Record<string, string> = {}
beforeAll(async () => {
  pg = await testDatabase()
  pages = await startPages(pg)
  await storeAccessWorld(pg, pages.api)
  await pg.sql`truncate snooze`
  for (const name of ['vera', 'stranger']) {
    await put(pages.api, `users/${name}/password`, { password })
    cookies[name] = sessionIn(await post(pages, '/sign-in', { name, password }))
  }
  const [row] = await pg.sql<{ id: string }[]>`select id from build where ref = 'reg:5000/hush/run:1' and job is null`
  build = row!.id
})
afterAll(async () => {
  await pages.close()
  await pg.close()
})

const get = async (path: string, who?: 'vera' | 'stranger') => {
  const headers: Record<string, string> = { accept: 'text/html', ...(who ? { cookie: cookies[who]! } : {}) }
  const answer = await fetch(`${pages.url}${path}`, { headers, redirect: 'manual' })
  const text = (await answer.text()).replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ')
  return { status: answer.status, to: answer.headers.get('location'), text }
}
const tag = (name: string) => `/tags/${encodeURIComponent(`reg:5000/${name}`)}`

test('a tag: what moved, what happens next, what it is based on, and its badge', async () => {
  const { status, text } = await get(tag('hush/run:1'), 'vera')
  expect(status).toBe(200)
  expect(text).toContain('reg:5000/hush/run:1 outdated')
  expect(text).toMatch(/reg:5000\/hush\/base:1 moved from sha256:\w{12} to sha256:\w{12} built on it directly/)
  expect(text).toContain('What happens next')
  expect(text).toContain('drydock build reg:5000/hush/run:1 --follow')
  expect(text).toContain(
    `[![base image](${pages.url}/api/v1/badge/reg%3A5000%2Fhush%2Frun%3A1.svg)](${pages.url}/tags/`,
  )
})

test('of a public namespace: for everybody, without the names that are not theirs to see', async () => {
  for (const who of [undefined, 'stranger'] as const) {
    const { status, text } = await get(tag('plaza/run:1'), who)
    expect([status, text.includes('outdated'), text.includes('hush')]).toEqual([200, true, false])
    expect(text).toContain('(withheld)')
  }
})

test.each(['hush/run:1', 'hush/nothing:1', 'guarded/run:1'])(
  '%s: not signed in, one is asked to, and comes back',
  async (name) => {
    const { status, to } = await get(tag(name))
    expect([status, to]).toEqual([303, `/sign-in?${new URLSearchParams({ next: tag(name) })}`])
    const next = new URL(to!, pages.url).searchParams.get('next')!
    const signedIn = await post(pages, '/sign-in', { name: 'vera', password, next })
    expect(signedIn.headers.get('location')).toBe(tag(name))
  },
)

test('of a recipe whose base may not be named: shown all the same to who may build there', async () => {
  await put(pages.api, 'namespaces/plaza/members/stranger', { role: 'contributor' })
  const recipe = { strategy: 'rebase', base: 'reg:5000/hush/base:1' }
  await put(pages.api, `recipes/${encodeURIComponent('reg:5000/plaza/run:1')}`, recipe)
  const { status, text } = await get(tag('plaza/run:1'), 'stranger')
  expect([status, text.includes('hush')]).toEqual([200, false])
})

test('what is not theirs to see is not there', async () => {
  const [hidden, absent] = [await get(tag('hush/run:1'), 'stranger'), await get(tag('hush/nothing:1'), 'stranger')]
  expect([hidden.status, absent.status]).toEqual([404, 404])
  expect(hidden.text).toBe(absent.text)
})

test('a build: how it went, and the way to its log', async () => {
  const { status, text } = await get(`/builds/${build}`, 'vera')
  expect([status, text]).toEqual([200, expect.stringContaining('Build of reg:5000/hush/run:1 failed')])
  expect((await get(`/builds/${build}`, 'stranger')).status).toBe(404)
  expect((await get('/builds/nonsense', 'vera')).status).toBe(404)
  expect(await get(`/builds/${build}`)).toMatchObject({ status: 303, to: `/sign-in?next=%2Fbuilds%2F${build}` })
})

test('the list, narrowed to a base and a namespace', async () => {
  const asked = `/?${new URLSearchParams({ base: 'reg:5000/hush/base:1', namespace: 'guarded' })}`
  const { text } = await get(asked, 'vera')
  expect([text.includes('reg:5000/guarded/run:1'), text.includes('hush/run:1')]).toEqual([true, false])
  expect((await get(asked)).to).toBe(`/sign-in?${new URLSearchParams({ next: asked })}`)
  // what is no one text narrows nothing
  expect((await get('/?base=a&base=b')).to).toBe('/sign-in')
  expect((await get('/?base=a&base=b', 'vera')).text).toContain('hush/run:1')
})
