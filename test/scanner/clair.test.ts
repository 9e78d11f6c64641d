import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { ConfigError, loadSettings } from '../../src/config.ts'
import { askPortus } from '../../src/scanner/ask-portus.ts'
import { fetchFindings } from '../../src/scanner/fetch-findings.ts'
import { forgetAnswers } from '../../src/scanner/note-answers.ts'
import { reply, type serveHttp } from '../support/http-server.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { portusVisit } from './portus-visit.ts'
import { blob, forgetTold, image, type Scanner, startScanner, storeScannedWorld, until } from './scanner-service.ts'
import { cve, type SmallClair, smallClair } from './small-clair.ts'
import { type SmallPortus, smallPortus } from './small-portus.ts'

let pg: TestDatabase
let clair: SmallClair
let portus: SmallPortus
let scanner: Scanner
let later = 0
beforeAll(async () => {
  pg = await testDatabase()
  await storeScannedWorld(pg)
})
beforeEach(async () => {
  later = 0
  await forgetTold(pg)
  ;[clair, portus] = [await smallClair(), await smallPortus()]
  scanner = await startScanner(pg, settings())
})
afterEach(async () => {
  await scanner.close()
  await Promise.all([clair.close(), portus.close()])
})
afterAll(() => pg.close())

const settings = () => ({
  clairUrl: clair.url,
  portus: { url: portus.url, caFile: null, insecure: false, username: 'boss', token: 't0ken' },
})
const waits = async () => (await pg.sql`select 1 from clair_look where fetch_at is not null`).length
const never = new AbortController().signal
/** The jobs, as they run some minutes later. */
const work = async (minutes = 3) => {
  later += minutes * 60_000
  const d = { ...scanner.d, clock: () => new Date(Date.now() + later) }
  await fetchFindings(d, never)
  await askPortus(d, never)
}
/** Portus and the jobs take turns until there is nothing left for them. */
const settle = async () => {
  for (let quiet = 0; quiet < 2; ) {
    const before = portus.asked.length
    await portus.scan(scanner.at)
    await work()
    quiet = portus.asked.length === before && (await waits()) === 0 ? quiet + 1 : 0
  }
}
const shown = (repository: string) => portus.page(repository, '1').map(({ name }) => name)
const push = (repository: string, ...names: string[]) =>
  portus.push({ ...image(repository, ...names), name: '1', digest: blob(names.join()) })

test('hands all on to a real Clair, bottom to top, and shows what that finds once it is known', async () => {
  push('app/run', 'base', 'run')
  await portus.scan(scanner.at)
  expect(shown('app/run')).toEqual(['Outdated base (withheld)'])
  await settle()
  expect(shown('app/run')).toEqual(['Outdated base (withheld)', cve.Name])
  expect(clair.posted.slice(0, 2).map(({ name }) => name)).toEqual([blob('base'), blob('run')])
  expect(clair.posted[0]!.headers).toEqual({ Authorization: 'Bearer of-the-registry' })
})

test.each([
  ['of which we know nothing', 'strange/image', ['below', 'top']],
  ['of which nothing is outdated', 'solo', ['solo']],
  ['that has the empty layer twice', 'app/tool', ['base', 'empty', 'tool', 'empty']],
])('shows what it finds in an image %s', async (_, repository, names) => {
  push(repository, ...names)
  await settle()
  expect(shown(repository)).toContain(cve.Name)
})

test.each<[string, Parameters<typeof serveHttp>[0]]>([
  ['says that it cannot', (_, response) => reply(response, 500, { Error: { Message: 'no' } })],
  ['answers nonsense', (_, response) => reply(response, 200, '<html>')],
  ['hangs up', (_, response) => void response.destroy()],
])('shows what it knows itself while Clair %s, and what that finds once it is itself again', async (_, broken) => {
  clair.state.broken = broken
  push('app/run', 'base', 'run')
  await portus.scan(scanner.at)
  expect(shown('app/run')).toEqual(['Outdated base (withheld)'])
  await until(() => clair.seen.filter(({ method }) => method === 'POST').length >= 2)
  await work()
  clair.state.broken = null
  await settle()
  expect(shown('app/run')).toEqual(['Outdated base (withheld)', cve.Name])
  expect(scanner.lines.join('')).not.toContain('of-the-registry')
})

test('answers while Clair says nothing at all, and what was still to be handed on when it ended comes again', async () => {
  clair.state.broken = () => undefined
  for (let n = 0; n < 30; n++) push(`app/many${n}`, `below ${n}`, `top ${n}`)
  await portus.scan(scanner.at)
  await until(async () => (await waits()) === 30)
  await scanner.close()
  clair.state.broken = null
  scanner = await startScanner(pg, settings())
  await settle()
  for (let n = 0; n < 30; n++) expect(shown(`app/many${n}`)).toEqual([cve.Name])
})

test('tells images apart that share their top layer, also where the database hung while they were visited', async () => {
  await scanner.close()
  scanner = await startScanner(pg, { ...settings(), patience: 35 })
  push('app/one', 'one', 'empty')
  push('app/two', 'two', 'empty')
  await pg.sql.begin(async (tx) => {
    await tx`lock table scanned_layer, clair_look in access exclusive mode`
    await portus.scan(scanner.at)
  })
  await until(async () => (await pg.sql`select 1 from clair_look`).length === 2)
  await scanner.close()
  scanner = await startScanner(pg, settings())
  await settle()
  expect([shown('app/one'), shown('app/two')]).toEqual([[cve.Name], [cve.Name]])
})

test('what it found is shown again after a start, should Portus have found nobody meanwhile', async () => {
  push('strange/image', 'below', 'top')
  await settle()
  await scanner.close()
  push('strange/image', 'below', 'top')
  await portus.scan(scanner.at)
  expect(shown('strange/image')).toEqual([])
  scanner = await startScanner(pg, settings())
  await forgetAnswers(scanner.d)
  await settle()
  expect(shown('strange/image')).toEqual([cve.Name])
})

test('is told of no layer that is not at a registry of ours: it fetches what it is told', async () => {
  await portusVisit(scanner.at, image('app/run', 'base', 'run'), 'http://169.254.169.254')
  await portusVisit(scanner.at, image('app/run', 'base', 'run'))
  await until(() => clair.posted.length === 2)
  expect(new Set(clair.posted.map((layer) => JSON.stringify(layer).includes('169.254')))).toEqual(new Set([false]))
})

test('is not started in front of without an account that can have Portus look again', () => {
  const start = (more: Record<string, string>) => () =>
    loadSettings({ DRYDOCK_SCANNER: 'true', DRYDOCK_CLAIR_URL: 'http://clair:6060', ...more }, () => '', 1000)
  const account = { PORTUS_URL: 'https://portus.test', PORTUS_USERNAME: 'boss', PORTUS_TOKEN: 't0ken' }
  expect(start({})).toThrow(ConfigError)
  expect(start({})).toThrow(/DRYDOCK_CLAIR_URL: needs PORTUS_URL, and PORTUS_USERNAME and PORTUS_TOKEN/)
  expect(start({ PORTUS_URL: 'https://portus.test' })).toThrow(/DRYDOCK_CLAIR_URL: needs/)
  expect(start(account)()).toMatchObject({ clairUrl: 'http://clair:6060', scanner: true })
})
