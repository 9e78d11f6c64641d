import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { reply, type serveHttp } from '../support/http-server.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { type ClairWorld, clairWorld } from './clair-world.ts'
import { askTop, postLayers } from './portus-visit.ts'
import { blob, image, startScanner, storeScannedWorld, until } from './scanner-service.ts'
import { cve, cves } from './small-clair.ts'

let pg: TestDatabase
let world: ClairWorld
beforeAll(async () => {
  pg = await testDatabase()
  await storeScannedWorld(pg)
})
beforeEach(async () => {
  world = await clairWorld(pg)
})
afterEach(() => world.close())
afterAll(() => pg.close())

const own = 'Outdated base (withheld)'
/** Portus looks, for whatever reason, and it is known that Clair is to be asked once more. */
const visit = async () => {
  world.push('app/run', 'base', 'run')
  await world.portus.scan(world.scanner.at)
  await until(async () => (await world.waits()) === 1)
}

test('has Portus look again once where Clair finds the same, in whatever order it says so', async () => {
  world.clair.state.found = cves(25)
  for (let round = 0; round < 5; round++) {
    await visit()
    await world.work(5)
  }
  expect([world.clair.state.gets, world.portus.asked.length]).toEqual([5, 1])
})

test('has Portus look again ever more rarely where Clair finds something else each time', async () => {
  for (let round = 0; round < 20; round++) {
    world.clair.state.found = [{ ...cve, Name: `CVE-2017-${round}` }]
    await visit()
    await world.work(2)
  }
  expect(world.clair.state.gets).toBe(20)
  expect(world.portus.asked.length).toBeLessThan(8)
})

test('shows what is outdated while findings are late, and the findings afterwards', async () => {
  await visit()
  await world.settle()
  expect(world.shown('app/run')).toEqual([own, cve.Name])
  // as long as the test is to wait for what does not come
  await world.restart({ patience: 4000 })
  await pg.sql.begin(async (tx) => {
    await tx`lock table scan_finding in access exclusive mode`
    world.push('app/run', 'base', 'run')
    await world.portus.scan(world.scanner.at)
    expect(world.shown('app/run')).toEqual([own])
  })
  await until(async () => (await pg.sql`select 1 from clair_look where told is null`).length === 1)
  await world.restart()
  await world.settle()
  expect(world.shown('app/run')).toEqual([own, cve.Name])
})

test('shows thousands of findings', async () => {
  world.clair.state.found = cves(4000)
  await visit()
  await world.settle()
  expect(world.shown('app/run')).toHaveLength(4001)
  const [kept] = await pg.sql<{ features: string }[]>`select features from scan_finding`
  expect(kept!.features).not.toContain('harmless')
})

test('keeps what no database takes as text in no one’s way', async () => {
  world.clair.state.found = [{ ...cve, Description: 'a\0b\ud800' }]
  world.push('app/tool', 'base', 'tool')
  world.push('app/run', 'base', 'run')
  await world.portus.scan(world.scanner.at)
  await until(async () => (await world.waits()) === 2)
  await world.settle()
  for (const repository of ['app/run', 'app/tool']) expect(world.shown(repository)).toEqual([own, cve.Name])
})

/** Layers that Clair knows and is to be asked about, those first in this order. */
async function toBeAsked(...names: string[]): Promise<string[]> {
  for (const [n, name] of names.map(blob).entries()) {
    world.clair.posted.push({ name, parent: '', path: '', headers: {}, keys: [] })
    await pg.sql`
      insert into clair_look (registry, repository, name, fetch_at, next_at, seen_at)
      values ('reg:5000', 'app/run', ${name}, now() - make_interval(secs => ${1000 - n}), now(), now())`
  }
  return names.map(blob)
}
const numbered = (name: string, count: number) => Array.from({ length: count }, (_, n) => `${name}${n}`)
const found = async () => (await pg.sql`select 1 from scan_finding`).length
const asked = (name: string) => world.clair.seen.filter(({ path }) => path.includes(encodeURIComponent(name))).length

test.each<[string, number, Parameters<typeof serveHttp>[0]]>([
  ['with an error', 1, (_, response) => reply(response, 500, { Error: { Message: 'no' } })],
  ['with an error', 4, (_, response) => reply(response, 500, { Error: { Message: 'no' } })],
  ['with an error', 12, (_, response) => reply(response, 500, { Error: { Message: 'no' } })],
  ['with nonsense', 12, (_, response) => reply(response, 200, { Layer: { Features: 'none' } })],
  ['by hanging up', 12, (_, response) => void response.destroy()],
])('a layer that Clair answers %s (%i of them) keeps no other waiting', async (_, count, odd) => {
  const names = await toBeAsked(...numbered('bad', count), ...numbered('good', 40))
  const bad = names.slice(0, count)
  for (const name of bad) world.clair.state.odd.set(name, odd)
  // five in a row end a run, the others come first in the next
  for (let run = 0; run < 3; run++) await world.fetch(40)
  expect(await found()).toBe(40)
  for (let run = 0; run < 20; run++) await world.fetch(60)
  // after one minute, two, four, eight
  for (const name of bad) expect(asked(name)).toBeLessThanOrEqual(7)
  world.clair.state.odd.clear()
  await world.fetch(3600)
  expect([await found(), await world.waits()]).toEqual([40 + count, 0])
})

test('a Clair that fails at all is left alone after some, and asked for all of them when it is itself again', async () => {
  const names = await toBeAsked(...numbered('good', 40))
  world.clair.state.broken = (_, response) => reply(response, 500, {})
  await world.fetch(0)
  // four at once
  expect(names.filter((name) => asked(name) > 0).length).toBeLessThanOrEqual(5 + 3)
  world.clair.state.broken = null
  for (let run = 0; run < 2; run++) await world.fetch(60)
  expect([await found(), await world.waits()]).toEqual([40, 0])
})

test('findings that cannot be kept keep no other waiting', async () => {
  const [bad] = await toBeAsked('bad', ...numbered('good', 10))
  await pg.sql.unsafe(`alter table scan_finding add constraint odd check (name <> '${bad}')`)
  await world.fetch(0)
  expect(await found()).toBe(10)
  await pg.sql`alter table scan_finding drop constraint odd`
  await world.fetch(60)
  expect([await found(), await world.waits()]).toEqual([11, 0])
})

test('where nobody is there, that is no layer’s', async () => {
  await toBeAsked(...numbered('good', 3))
  await world.clair.close()
  await world.fetch(0)
  expect(await pg.sql`select 1 from clair_look where failures = 0 and fetch_at > now()`).toHaveLength(3)
})

test('what was put off by a clock that was ahead is done now', async () => {
  await toBeAsked('good')
  await pg.sql`update clair_look set fetch_at = now() + interval '1 year', next_at = now() + interval '1 year'`
  world.portus.push({ repository: 'app/run', layers: [blob('good')], name: '1', digest: blob('image') })
  await world.work(0)
  expect([await found(), world.portus.asked]).toEqual([1, [1]])
})

test.each([
  ['a path of other capitals', { path: 'http://169.254.169.254/latest' }, {}],
  ['a second layer of other capitals', {}, { layer: { Path: '/etc/shadow' } }],
  ['more headers', { Headers: { Authorization: 'Bearer x', 'X-Evil': '1' } }, {}],
  ['an account in the address', { Path: `https://evil@reg:5000/v2/app/run/blobs/${blob('run')}` }, {}],
  ['another spelling of the address', { Path: `HTTPS:\\\\reg:5000/v2/app/run/blobs/${blob('run')}?x#y` }, {}],
])('hands on what it understood of a post with %s, as Go reads it', async (_, more, beside) => {
  const Layer = {
    Name: blob('run'),
    Path: `https://reg:5000/v2/app/run/blobs/${blob('run')}`,
    Format: 'Docker',
    ...more,
  }
  await fetch(`${world.scanner.at}/v1/layers`, { method: 'POST', body: JSON.stringify({ Layer, ...beside }) })
  await until(() => world.clair.posted.length === 1)
  const [posted] = world.clair.posted
  expect([posted!.path, posted!.name]).toEqual([`https://reg:5000/v2/app/run/blobs/${blob('run')}`, blob('run')])
  expect(Object.keys(posted!.headers as object)).toEqual('Headers' in more ? ['Authorization'] : [])
})

test('hands on no file, and nothing that is not fetched over HTTP', async () => {
  for (const path of [
    '/v2/app/run/blobs/x',
    'file://reg:5000/v2/app/run/blobs/x',
    'ftp://reg:5000/v2/app/run/blobs/x',
  ]) {
    const body = JSON.stringify({ Layer: { Name: blob('run'), Path: path } })
    await fetch(`${world.scanner.at}/v1/layers`, { method: 'POST', body })
  }
  await postLayers(world.scanner.at, image('app/run', 'base'))
  await until(() => world.clair.posted.length > 0)
  expect(world.clair.posted.map(({ name }) => name)).toEqual([blob('base')])
})

test('what a stranger posts to one process keeps it from no layer that another was told', async () => {
  const two = await startScanner(pg, world.settings())
  const run = image('app/run', 'base', 'run')
  await postLayers(two.at, image('app/run', 'zz'), 'http://elsewhere.example')
  await postLayers(world.scanner.at, run)
  expect(await askTop(two.at, run.layers)).toHaveLength(1)
  await until(async () => (await pg.sql`select 1 from clair_look where name = ${blob('run')}`).length === 1)
  // nor does what is posted of the same layer from elsewhere
  await pg.sql`delete from clair_look`
  await postLayers(world.scanner.at, run, 'http://elsewhere.example')
  await askTop(world.scanner.at, run.layers)
  await until(async () => (await pg.sql`select 1 from clair_look where name = ${blob('run')}`).length === 1)
  await two.close()
})
