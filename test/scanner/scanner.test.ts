import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import pino from 'pino'
import { apiApp } from '../../src/api/app.ts'
import type { Deps } from '../../src/deps.ts'
import { makeJobs } from '../../src/jobs/jobs.ts'
import { forgetScans, keepLayer } from '../../src/scanner/keep-layer.ts'
import { configFor, vault } from '../notify/config.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { askTop, emptyLayer, type Image, portusVisit, postLayers } from './portus-visit.ts'
import { blob, forgetTold, holds, image, storeScannedWorld, visiting } from './scanner-service.ts'

let pg: TestDatabase
beforeAll(async () => {
  pg = await testDatabase()
  await storeScannedWorld(pg)
})
beforeEach(() => forgetTold(pg))
afterAll(() => pg.close())

const seen = (visited: Image, host?: string) => visiting(pg, (at) => portusVisit(at, visited, host))
const run = image('app/run', 'base', 'run')

test('shows Portus the base that has moved under an image, without its name where that is private', async () => {
  expect(await seen(run)).toEqual([
    expect.objectContaining({
      Name: 'Outdated base (withheld)',
      Severity: 'Medium',
      Link: 'http://drydock.test:8080/',
    }),
  ])
})

test('names the base, with a link, to whom a viewer of the namespace may see it', async () => {
  await pg.sql`insert into namespace (key, visibility) values ('lib', 'protected')`
  const [found, ...more] = await seen(run)
  const via = await seen(image('app/leaf', 'base', 'run', 'leaf'))
  await pg.sql`delete from namespace where key = 'lib'`
  expect(more).toEqual([])
  expect(found!.Name).toMatch(/^Outdated base: reg:5000\/lib\/base:1, sha256:[0-9a-f]{12} -> sha256:[0-9a-f]{12}$/)
  expect(found!.Link).toBe('http://drydock.test:8080/?base=reg%3A5000%2Flib%2Fbase%3A1')
  expect(via.map(({ Name }) => Name)).toEqual([`${found!.Name} (through reg:5000/app/run:1)`])
})

test.each([
  ['of which nothing is outdated', image('solo', 'solo')],
  ['with the same top layer on something else', image('lib/base', 'base2', 'run')],
  ['in another repository', image('app/other', 'base', 'run')],
  ['of which a layer is missing', image('app/run', 'run')],
  ['with a layer more', image('app/run', 'below', 'base', 'run')],
  ['that is not known', image('app/run', 'base', 'never')],
])('shows nothing of an image %s', async (_, visited) => {
  expect(await seen(visited)).toEqual([])
})

test('goes by what was told last, where two images share their top layer', async () => {
  await visiting(pg, async (at) => {
    expect(await portusVisit(at, run)).toHaveLength(1)
    expect(await portusVisit(at, image('lib/base', 'base2', 'run'))).toEqual([])
    expect(await portusVisit(at, run)).toHaveLength(1)
    // one that is not known yet is not taken for one that is
    expect(await portusVisit(at, image('app/run', 'base3', 'run'))).toEqual([])
    expect(await portusVisit(at, run)).toHaveLength(1)
  })
})

test.each([
  ['another layer', (at: string) => postLayers(at, image('app/run', 'tool', 'run'))],
  ['itself', (at: string) => postLayers(at, image('app/run', 'run', 'run'))],
])('is not blinded by a post that puts the top layer on %s', async (_, mischief) => {
  await visiting(pg, async (at) => {
    await mischief(at)
    await postLayers(at, run)
    // the last post of it, alone
    const Layer = {
      Name: blob('run'),
      ParentName: blob(_ === 'itself' ? 'run' : 'tool'),
      Path: 'https://reg:5000/v2/app/run/blobs/x',
    }
    await fetch(`${at}/v1/layers`, { method: 'POST', body: JSON.stringify({ Layer }) })
    expect(await askTop(at, run.layers)).toHaveLength(1)
  })
})

test.each([
  ['the empty one of two WORKDIRs', ['base', 'empty', 'tool', 'empty']],
  ['twice on top', ['base', 'tool', 'empty', 'empty']],
  ['thrice on top', ['base', 'tool', 'empty', 'empty', 'empty']],
  ['below', ['empty', 'base', 'empty', 'tool']],
])('knows an image in which a layer repeats: %s', async (_, names) => {
  await holds(pg, 'app/tool:1', names.map(blob))
  const found = await visiting(pg, async (at) => {
    await portusVisit(at, image('app/tool', ...names))
    return portusVisit(at, image('app/tool', ...names))
  })
  const fewer = await seen(image('app/tool', ...names.slice(0, -1)))
  await holds(pg, 'app/tool:1', [blob('base'), blob('tool')])
  expect([found.length, fewer.length]).toEqual([1, 0])
})

test('knows an image with empty layers of the old kind, which Portus leaves out, and one of an index', async () => {
  await holds(pg, 'app/tool:1', [blob('base'), emptyLayer, blob('tool'), emptyLayer])
  expect(
    await seen({ repository: 'app/tool', layers: [blob('base'), emptyLayer, blob('tool'), emptyLayer] }),
  ).toHaveLength(1)
  await holds(pg, 'app/tool:1', [blob('base'), blob('tool')])
  const [head] = await pg.sql<
    { digest: string }[]
  >`select head_digest as digest from tag where ref = 'reg:5000/app/run:1'`
  await pg.sql`insert into manifest (digest, media_type, kind) values (${blob('index')}, 'x', 'index')`
  await pg.sql`insert into index_entry (index_digest, position, manifest_digest) values (${blob('index')}, 0, ${head!.digest})`
  await pg.sql`update tag set head_digest = ${blob('index')} where ref = 'reg:5000/app/run:1'`
  expect(await seen(run)).toHaveLength(1)
  await pg.sql`update tag set head_digest = ${head!.digest} where ref = 'reg:5000/app/run:1'`
})

test('tells registries apart by the host of the path: another one of the same repository names has nothing outdated', async () => {
  await pg.sql`insert into registry (name) values ('dev:5000')`
  await pg.sql`
    insert into repository (registry_id, name, namespace) select id, 'app/run', 'app' from registry where name = 'dev:5000'`
  const both = configFor(['reg:5000', 'dev:5000'])
  const at = (host: string, portusRegistry: string | null = null) =>
    visiting(pg, (scanner) => portusVisit(scanner, run, `https://${host}`), {
      registries: both.registries,
      portusRegistry,
    })
  expect(await at('reg:5000')).toHaveLength(1)
  expect(await at('dev:5000')).toEqual([])
  // Portus reaches its registry under a name of its own
  expect(await at('registry.internal')).toEqual([])
  expect(await at('registry.internal', 'reg:5000')).toHaveLength(1)
  expect(await at('registry.internal', 'dev:5000')).toEqual([])
  expect(await seen(run, 'https://registry.internal')).toHaveLength(1)
  await pg.sql`delete from repository where registry_id = (select id from registry where name = 'dev:5000')`
  await pg.sql`delete from registry where name = 'dev:5000'`
})

test('answers nothing of a registry that is configured no more, and as before when it is back', async () => {
  const gone = (is: boolean) => pg.sql`update registry set gone = ${is} where name = 'reg:5000'`
  await visiting(pg, async (at) => {
    await postLayers(at, run)
    expect(await askTop(at, run.layers)).toHaveLength(1)
    await gone(true)
    expect(await askTop(at, run.layers)).toEqual([])
    const before = await pg.sql`select id, turn from scanned_layer order by id`
    expect(await portusVisit(at, run)).toEqual([])
    expect(await pg.sql`select id, turn from scanned_layer order by id`).toEqual(before)
    await gone(false)
    expect(await askTop(at, run.layers)).toHaveLength(1)
  })
})

test('answers whatever it cannot read or does not know in JSON', async () => {
  await visiting(pg, async (at) => {
    const asked: [string, string, string | undefined, number][] = [
      ['POST', '/v1/layers', '{"Layer":', 400],
      ['POST', '/v1/layers', '[]', 400],
      ['POST', '/v1/layers', JSON.stringify({ Layer: { Name: '' } }), 400],
      ['POST', '/v1/layers', JSON.stringify({ Layer: { Name: 'x', Path: 'http://elsewhere/' } }), 201],
      ['POST', '/v1/layers', 'x'.repeat(300_000), 413],
      ['GET', '/v1/layers', undefined, 405],
      ['DELETE', `/v1/layers/${blob('run')}`, undefined, 405],
      ['GET', `/v1/layers/${blob('never')}?features=false&vulnerabilities=true`, undefined, 200],
      ['GET', '/v1/layers/%00', undefined, 400],
      ['GET', '/v1/layers/%ff', undefined, 400],
      ['GET', '/health', undefined, 200],
    ]
    for (const [method, path, body, status] of asked) {
      const answer = await fetch(`${at}${path}`, { method, ...(body === undefined ? {} : { body }) })
      expect([method, path, answer.status]).toEqual([method, path, status])
      expect(await answer.json()).toEqual(expect.any(Object))
    }
  })
  expect(await pg.sql`select 1 from scanned_layer`).toEqual([])
})

test('is not there unless it is asked for', async () => {
  const config = configFor(['reg:5000'])
  const d = {
    ...{ config, log: pino({ level: 'silent' }), sql: pg.sql, db: pg.db, jobs: makeJobs(), vault, mailer: null },
  }
  const server = createServer(apiApp({ ...d, clock: () => new Date() } as unknown as Deps, { web: true }))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const answer = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/layers/x`)
  expect([config.scanner, answer.status]).toEqual([false, 404])
  await new Promise((resolve) => server.close(resolve))
})

test('keeps no more of a repository than it may, whatever is posted, and forgets what nobody asked about for a month', async () => {
  const place = { registry: 'reg:5000', repository: 'app/run', named: true }
  await pg.sql`
    insert into scanned_layer (repository_id, name, below, turn, seen_at)
    select r.id, n::text, 0, nextval(pg_get_serial_sequence('scanned_layer', 'id')), now()
    from generate_series(1, 2500) n, repository r where r.name = 'app/run'`
  await keepLayer(pg, { name: blob('one more'), parent: '', place, at: new Date() })
  expect(await pg.sql`select 1 from scanned_layer`).toHaveLength(2000)
  expect(await seen(run)).toHaveLength(1)
  const in29 = () => new Date(Date.now() + 29 * 86_400_000)
  await forgetScans({ sql: pg.sql, clock: in29 })
  expect(await pg.sql`select 1 from scanned_layer`).toHaveLength(2000)
  await forgetScans({ sql: pg.sql, clock: () => new Date(in29().getTime() + 2 * 86_400_000) })
  expect(await pg.sql`select 1 from scanned_layer`).toEqual([])
})
