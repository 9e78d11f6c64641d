import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { ConfigError, loadSettings } from '../../src/config.ts'
import { forgetAnswers } from '../../src/scanner/note-answers.ts'
import { reply, type serveHttp } from '../support/http-server.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { type ClairWorld, clairWorld } from './clair-world.ts'
import { portusVisit } from './portus-visit.ts'
import { blob, image, storeScannedWorld, until } from './scanner-service.ts'
import { cve } from './small-clair.ts'

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

test('hands all on to a real Clair, bottom to top, and shows what that finds once it is known', async () => {
  world.push('app/run', 'base', 'run')
  await world.portus.scan(world.scanner.at)
  expect(world.shown('app/run')).toEqual(['Outdated base (withheld)'])
  await world.settle()
  expect(world.shown('app/run')).toEqual(['Outdated base (withheld)', cve.Name])
  expect(world.clair.posted.slice(0, 2).map(({ name }) => name)).toEqual([blob('base'), blob('run')])
  expect(world.clair.posted[0]!.headers).toEqual({ Authorization: 'Bearer of-the-registry' })
})

test.each([
  ['of which we know nothing', 'strange/image', ['below', 'top']],
  ['of which nothing is outdated', 'solo', ['solo']],
  ['that has the empty layer twice', 'app/tool', ['base', 'empty', 'tool', 'empty']],
])('shows what it finds in an image %s', async (_, repository, names) => {
  world.push(repository, ...names)
  await world.settle()
  expect(world.shown(repository)).toContain(cve.Name)
})

test.each<[string, Parameters<typeof serveHttp>[0]]>([
  ['says that it cannot', (_, response) => reply(response, 500, { Error: { Message: 'no' } })],
  ['answers nonsense', (_, response) => reply(response, 200, '<html>')],
  ['hangs up', (_, response) => void response.destroy()],
])('shows what it knows itself while Clair %s, and what that finds once it is itself again', async (_, broken) => {
  world.clair.state.broken = broken
  world.push('app/run', 'base', 'run')
  await world.portus.scan(world.scanner.at)
  expect(world.shown('app/run')).toEqual(['Outdated base (withheld)'])
  await until(() => world.clair.seen.filter(({ method }) => method === 'POST').length >= 2)
  await world.work()
  world.clair.state.broken = null
  await world.settle()
  expect(world.shown('app/run')).toEqual(['Outdated base (withheld)', cve.Name])
  expect(world.scanner.lines.join('')).not.toContain('of-the-registry')
})

test('answers while Clair says nothing at all, and what was still to be handed on when it ended comes again', async () => {
  world.clair.state.broken = () => undefined
  for (let n = 0; n < 30; n++) world.push(`app/many${n}`, `below ${n}`, `top ${n}`)
  await world.portus.scan(world.scanner.at)
  await until(async () => (await world.waits()) === 30)
  await world.scanner.close()
  world.clair.state.broken = null
  await world.restart()
  await world.settle()
  for (let n = 0; n < 30; n++) expect(world.shown(`app/many${n}`)).toEqual([cve.Name])
})

test('tells images apart that share their top layer, also where the database hung while they were visited', async () => {
  await world.restart({ patience: 35 })
  world.push('app/one', 'one', 'empty')
  world.push('app/two', 'two', 'empty')
  await pg.sql.begin(async (tx) => {
    await tx`lock table scanned_layer, clair_look in access exclusive mode`
    await world.portus.scan(world.scanner.at)
  })
  await until(async () => (await pg.sql`select 1 from clair_look`).length === 2)
  await world.restart()
  await world.settle()
  expect([world.shown('app/one'), world.shown('app/two')]).toEqual([[cve.Name], [cve.Name]])
})

test('what it found is shown again after a start, should Portus have found nobody meanwhile', async () => {
  world.push('strange/image', 'below', 'top')
  await world.settle()
  await world.scanner.close()
  world.push('strange/image', 'below', 'top')
  await world.portus.scan(world.scanner.at)
  expect(world.shown('strange/image')).toEqual([])
  await world.restart()
  await forgetAnswers(world.scanner.d)
  await world.settle()
  expect(world.shown('strange/image')).toEqual([cve.Name])
})

test('is told of no layer that is not at a registry of ours: it fetches what it is told', async () => {
  await portusVisit(world.scanner.at, image('app/run', 'base', 'run'), 'http://169.254.169.254')
  await portusVisit(world.scanner.at, image('app/run', 'base', 'run'))
  await until(() => world.clair.posted.length === 2)
  expect(new Set(world.clair.posted.map((layer) => JSON.stringify(layer).includes('169.254')))).toEqual(
    new Set([false]),
  )
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
