import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { askPortus } from '../../src/scanner/ask-portus.ts'
import { configFor } from '../notify/config.ts'
import { testDeps } from '../support/deps.ts'
import { type HttpServer, reply, serveHttp } from '../support/http-server.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { blob, forgetTold, storeScannedWorld } from './scanner-service.ts'

/** A Portus with repositories of tags, ids in order; it looks at nothing, and answers what `odd` says instead. */
let portus: HttpServer
let repositories: { name: string; tags: string[] }[]
let odd: (method: string, path: string) => number | null
let pg: TestDatabase
let later = 0

beforeAll(async () => {
  pg = await testDatabase()
  await storeScannedWorld(pg)
})
beforeEach(async () => {
  later = 0
  odd = () => null
  repositories = ['app/leaf', 'app/run', 'app/tool'].map((name) => ({ name, tags: ['1'] }))
  await forgetTold(pg)
  portus = await serveHttp((request, response, url) => {
    const status = odd(request.method ?? '', url.pathname)
    if (status !== null) return reply(response, status, {})
    if (request.method === 'POST') return reply(response, 202, 'null')
    const [, of] = /repositories\/(\d+)\/tags$/.exec(url.pathname) ?? []
    const tags = (i: number) => repositories[i]!.tags.map((name, n) => ({ id: i * 1000 + n + 1, name, digest: null }))
    reply(
      response,
      200,
      of === undefined ? repositories.map(({ name }, i) => ({ id: i + 1, full_name: name })) : tags(Number(of) - 1),
    )
  })
})
afterEach(() => portus.close())
afterAll(() => pg.close())

const deps = () => {
  const account = { url: portus.url, caFile: null, insecure: false, username: 'boss', token: 't0ken' }
  return {
    ...testDeps(pg),
    clock: () => new Date(Date.now() + later),
    config: configFor(['reg:5000'], { scanner: true, portus: account }),
  }
}
const ask = async () => {
  later += 30_000
  await askPortus(deps(), new AbortController().signal)
}
const posted = () =>
  portus.seen.filter(({ method }) => method === 'POST').map(({ path }) => Number(path.split('/').at(-1)))
const noted = async () => (await pg.sql`select ref from portus_look where asked_at is not null order by ref`).length

test.each([
  ['asking for a tag', 500, /^\/api\/v1\/vulnerabilities\/1$/, [1, 1001, 2001]],
  ['asking for a tag', 429, /^\/api\/v1\/vulnerabilities\/1$/, [1, 1001, 2001]],
  ['asking for a tag', 404, /^\/api\/v1\/vulnerabilities\/1$/, [1, 1001, 2001]],
  ['the tags of a repository', 500, /\/repositories\/1\/tags$/, [1001, 2001]],
  ['the tags of a repository', 404, /\/repositories\/1\/tags$/, [1001, 2001]],
  ['the tags of a repository', 200, /\/repositories\/1\/tags$/, [1001, 2001]],
])('goes on with the others where %s is answered with an odd %s', async (_, status, path, asked) => {
  odd = (_method, at) => (path.test(at) ? status : null)
  await ask()
  expect([posted(), await noted()]).toEqual([asked, 3])
})

test.each([401, 403])('stops where Portus answers %s, and begins with another the next time', async (status) => {
  odd = (_method, path) => (path.endsWith('/vulnerabilities/1') ? status : null)
  await expect(ask()).rejects.toMatchObject({ name: 'SourceError' })
  expect([posted(), await noted()]).toEqual([[1], 1])
  await ask()
  expect(posted()).toEqual([1, 1001, 2001])
})

test('stops after five failures in a row, and begins with others the next time', async () => {
  const names = Array.from({ length: 12 }, (_, n) => `app/old${String(n).padStart(2, '0')}`)
  repositories = names.map((name) => ({ name, tags: ['1'] }))
  await pg.sql`insert into portus_look (ref, answered, next_at) select 'reg:5000/' || n || ':1', 'x', now() from unnest(${names}::text[]) n`
  await pg.sql`
    insert into portus_look (ref, shown, answered, next_at) select ref, '', '', now() + interval '1 year' from tag`
  odd = (method) => (method === 'POST' ? 500 : null)
  await expect(ask()).rejects.toMatchObject({ code: 'source-failed' })
  expect(posted()).toHaveLength(5)
  odd = () => null
  await ask()
  expect(new Set(posted()).size).toBe(12)
})

test('asks for no more than a hundred tags a run, whichever repositories they are in, and for the others in the next', async () => {
  repositories = ['app/run', 'app/tool', 'app/leaf'].map((name) => ({
    name,
    tags: Array.from({ length: 60 }, (_, n) => `of${n}`),
  }))
  for (const { name } of repositories)
    await pg.sql`
      insert into clair_look (registry, repository, name, told, next_at, seen_at, fetch_tries)
      values ('reg:5000', ${name}, ${blob(name)}, null, now(), now(), 1)`
  const before = () => posted().length
  await ask()
  const first = before()
  await askPortus(deps(), new AbortController().signal)
  expect([first <= 100, before()]).toEqual([true, first])
  for (let run = 0; run < 3; run++) {
    const was = before()
    await ask()
    expect(before() - was).toBeLessThanOrEqual(100)
  }
  expect(new Set(posted()).size).toBe(180)
})
