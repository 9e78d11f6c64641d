import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { put } from '../api/access-world.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { post, sessionIn, startPages, type TestPages } from './start-pages.ts'

/** Addresses that are none: the page says so, as the API does, and nothing is said to have failed here. */
let pg: TestDatabase
let pages: TestPages
let cookie = ''
const password = 'correct horse battery'
beforeAll(async () => {
  pg = await testDatabase()
  pages = await startPages(pg)
  await put(pages.api, 'users/ada', { email: 'ada@example.org' })
  await put(pages.api, 'users/ada/password', { password })
  cookie = sessionIn(await post(pages, '/sign-in', { name: 'ada', password }))
})
afterAll(async () => {
  await pages.close()
  await pg.close()
})
const get = async (path: string, headers: Record<string, string>) => {
  const answer = await fetch(`${pages.url}${path}`, {
    headers: { accept: 'text/html', ...headers },
    redirect: 'manual',
  })
  return { status: answer.status, text: await answer.text() }
}

test.each([`/tags/${'a'.repeat(701)}`, '/tags/a%00b', `/builds/${'a'.repeat(101)}`, '/builds/%00', '/?namespace=%00'])(
  '%s',
  async (path) => {
    const { status, text } = await get(path, { cookie })
    expect([status, text.includes('is not as it should be')]).toEqual([400, true])
  },
)

test.each([`/tags/${'a'.repeat(701)}`, '/tags/a%00b'])('%s, who is not signed in', async (path) => {
  const { status, text } = await get(path, {})
  expect([status, text.includes('is not as it should be')]).toEqual([400, true])
})
