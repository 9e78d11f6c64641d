import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import pino from 'pino'
import { askPortus, queuePortus } from '../../src/scanner/ask-portus.ts'
import { storeSmallWorld } from '../api/small-world.ts'
import { configFor } from '../notify/config.ts'
import { testDeps } from '../support/deps.ts'
import { type HttpServer, reply, serveHttp } from '../support/http-server.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'

let pg: TestDatabase
let portus: HttpServer
let broken: number | null = null
let lines: string[] = []
beforeAll(async () => {
  pg = await testDatabase()
  await storeSmallWorld(pg)
})
beforeEach(async () => {
  broken = null
  lines = []
  await pg.sql`truncate portus_look`
  // repositories and tags as 2.4.3 shows them: lib/api/entities.rb of https://github.com/SUSE/Portus
  portus = await serveHttp((request, response, url) => {
    if (request.headers['portus-auth'] !== 'boss:t0ken') return reply(response, 401, { message: 'no' })
    if (broken !== null) return reply(response, broken, {})
    if (request.method === 'POST') return reply(response, 202, 'null')
    if (url.pathname === '/api/v1/repositories')
      return reply(response, 200, [
        { id: 7, name: 'run', full_name: 'app/run' },
        { id: 8, name: 'leaf', full_name: 'app/leaf' },
      ])
    if (url.pathname === '/api/v1/repositories/7/tags')
      return reply(response, 200, [
        { id: 70, name: '0' },
        { id: 71, name: '1' },
      ])
    return reply(response, 200, [{ id: 81, name: '1' }])
  })
})
afterEach(() => portus.close())
afterAll(() => pg.close())

const deps = (token: string | null = 't0ken') => ({
  ...testDeps(pg),
  log: pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) }),
  config: configFor(['reg:5000'], {
    scanner: true,
    portus: { url: portus.url, caFile: null, insecure: false, username: 'boss', token },
  }),
})
const ask = (wish: { refs?: string[] } = {}) => askPortus(deps(), wish, new AbortController().signal)
const looks = () => portus.seen.filter(({ method }) => method === 'POST').map(({ path }) => path)
const known = async () =>
  (await pg.sql<{ ref: string }[]>`select ref from portus_look order by ref`).map(({ ref }) => ref)
const outdated = ['reg:5000/app/leaf:1', 'reg:5000/app/run:1', 'reg:5000/app/tool:1']

test('has Portus look at the tags that are outdated, once; what it does not know it meets by itself', async () => {
  await ask()
  expect(looks().sort()).toEqual(['/api/v1/vulnerabilities/71', '/api/v1/vulnerabilities/81'])
  expect(await known()).toEqual(outdated)
  await ask()
  expect(looks()).toHaveLength(2)
})

test('has it look again where a flag changes or goes, and where it is wished for', async () => {
  await ask()
  await pg.sql`update cause set to_digest = 'sha256:other' where tag_id = (select id from tag where ref = ${outdated[0]!})`
  await ask()
  expect(looks().slice(2)).toEqual(['/api/v1/vulnerabilities/81'])
  await pg.sql`update cause set counted = false where tag_id = (select id from tag where ref = ${outdated[0]!})`
  await ask()
  expect(looks().slice(3)).toEqual(['/api/v1/vulnerabilities/81'])
  expect(await known()).toEqual(outdated.slice(1))
  await ask({ refs: [outdated[0]!] })
  expect(looks().slice(4)).toEqual(['/api/v1/vulnerabilities/81'])
  await pg.sql`update cause set counted = true`
})

test.each([500, 404, 302])(
  'is asked again later where it answers %s, and nothing is taken for done',
  async (status) => {
    broken = status
    await expect(ask()).rejects.toMatchObject({ name: 'SourceError' })
    expect(await known()).toEqual([])
    broken = null
    await ask()
    expect(await known()).toEqual(outdated)
    expect(lines.join('')).not.toContain('t0ken')
  },
)

test('of very many it is asked at once', async () => {
  await pg.sql`
    insert into portus_look (ref, shown, asked_at) select 'reg:5000/app/old' || n || ':1', 'x', now() from generate_series(1, 200) n`
  await ask()
  expect(looks()).toEqual(['/api/v1/vulnerabilities'])
  expect(await known()).toEqual(outdated)
})

test('is wished for only where there is an admin of Portus to ask with', async () => {
  await queuePortus(deps(null))
  await askPortus(deps(null), {}, new AbortController().signal)
  const waiting = () => pg.sql`select 1 from graphile_worker.jobs where key = 'portus'`
  expect([await waiting(), portus.seen]).toEqual([[], []])
  await queuePortus(deps())
  expect(await waiting()).toHaveLength(1)
})
