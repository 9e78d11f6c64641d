import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { usualLimits } from '../../src/people/sources/source.ts'
import { askPortus } from '../../src/scanner/ask-portus.ts'
import { listLimits } from '../../src/scanner/tags-in-portus.ts'
import { configFor } from '../notify/config.ts'
import { testDeps } from '../support/deps.ts'
import { type HttpServer, reply, serveHttp } from '../support/http-server.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { forgetTold, storeScannedWorld } from './scanner-service.ts'

type Handler = Parameters<typeof serveHttp>[0]
/** app/leaf, app/run and app/tool, each outdated at tag 1; what lists the tags of app/leaf is a test's. */
const names = ['app/leaf', 'app/run', 'app/tool']
let portus: HttpServer
let ofLeaf: Handler
let pg: TestDatabase
let later = 0

beforeAll(async () => {
  pg = await testDatabase()
  await storeScannedWorld(pg)
})
beforeEach(async () => {
  later = 0
  await forgetTold(pg)
  portus = await serveHttp((request, response, url) => {
    if (request.method === 'POST') return reply(response, 202, 'null')
    const [, id] = /repositories\/(\d+)\/tags$/.exec(url.pathname) ?? []
    if (id === '1') return ofLeaf(request, response, url)
    const listed = names.map((name, i) => ({ id: i + 1, full_name: name }))
    reply(response, 200, id === undefined ? listed : [tag(Number(id))])
  })
})
afterEach(() => portus.close())
afterAll(() => pg.close())

/** As lib/api/entities.rb of Portus lists one. */
const tag = (id: number, name = '1', vulnerabilities: object | null = null) => ({
  ...{ id, name, author: { id: 1, name: 'boss' }, digest: `sha256:${id}`, scanned: 2, vulnerabilities },
})
const ask = async (limits = listLimits) => {
  later += 120_000
  const account = { url: portus.url, caFile: null, insecure: false, username: 'boss', token: 't0ken' }
  const config = configFor(['reg:5000'], { scanner: true, portus: account })
  const d = { ...testDeps(pg), clock: () => new Date(Date.now() + later), config }
  await askPortus(d, new AbortController().signal, limits)
}
const posted = () =>
  portus.seen
    .filter(({ method }) => method === 'POST')
    .map(({ path }) => Number(path.split('/').at(-1)))
    .sort()

test('asks for a tag of a list that is larger than is held at once', async () => {
  const vulnerabilities = Array.from({ length: 600 }, (_, id) => ({
    ...{ id, name: `CVE-2017-${id}`, scanner: 'clair', severity: 'Medium', link: 'https://tracker.example/CVE' },
    ...{ fixed_by: '1.2-3', metadata: 'é"\\'.repeat(80), created_at: '2017-11-22T00:00:00.000Z' },
  }))
  // more than any other answer of it may have
  let bytes = 0
  ofLeaf = (_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    for (let n = 0; bytes <= usualLimits.maxBytes; n++) {
      const text = `${n === 0 ? ' [' : ','}${JSON.stringify(tag(1000 + n, `old${n}`, { clair: vulnerabilities }))}`
      bytes += Buffer.byteLength(text)
      response.write(text)
    }
    response.end(`,${JSON.stringify(tag(1))}]`)
  }
  await ask()
  expect(posted()).toEqual([1, 2, 3])
})

test('reads the pages of a list, and again later where it changed between them', async () => {
  let totals = ['3', '2']
  const all = [tag(11, 'other'), tag(12, 'another'), tag(1)]
  const seen: (string | null)[] = []
  ofLeaf = (_, response, url) => {
    const page = Number(url.searchParams.get('page'))
    seen.push(url.searchParams.get('all'))
    const headers = { 'x-total': totals[page - 1] ?? '3', ...(page < 3 ? { 'x-next-page': `${page + 1}` } : {}) }
    reply(response, 200, [all[page - 1]!], headers)
  }
  await ask()
  expect(posted()).toEqual([2, 3])
  totals = []
  await ask()
  expect(posted().filter((id) => id === 1)).toEqual([1])
  expect(new Set(seen)).toEqual(new Set([null]))
})

test.each<[string, Handler]>([
  ['takes longer than may be waited for', () => undefined],
  ['breaks off', (_, response) => void response.writeHead(200).write('[', () => response.destroy())],
  ['ends early', (_, response) => reply(response, 200, '[{"id":1,"name":"1"}')],
  ['is no list', (_, response) => reply(response, 200, { of: tag(1) })],
  ['is empty', (_, response) => reply(response, 200, '')],
  ['is no JSON', (_, response) => reply(response, 200, '[<html>')],
  ['has something else in it', (_, response) => reply(response, 200, [{ id: 'x', name: '1' }])],
])('goes on with other repositories where the list of one %s', async (_, odd) => {
  ofLeaf = odd
  // as long as the test is to wait for what does not come
  await ask({ ...listLimits, idleMs: 2000 })
  expect(posted()).toEqual([2, 3])
  const asked = await pg.sql<{ ref: string }[]>`select ref from portus_look where asked_at is not null order by ref`
  expect(asked.map(({ ref }) => ref)).toEqual(names.map((name) => `reg:5000/${name}:1`))
})
