import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import pino from 'pino'
import { apiApp } from '../../src/api/app.ts'
import { connect } from '../../src/db/postgres.ts'
import type { Deps } from '../../src/deps.ts'
import { makeJobs } from '../../src/jobs/jobs.ts'
import { forgetScans } from '../../src/scanner/scanned-image.ts'
import { storeSmallWorld } from '../api/small-world.ts'
import { configFor, vault } from '../notify/config.ts'
import { type HttpServer, reply, serveHttp } from '../support/http-server.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { type TcpProxy, tcpProxy } from '../support/tcp-proxy.ts'
import { portusVisit } from './portus-visit.ts'

const blob = (name: string) => `sha256:${createHash('sha256').update(name).digest('hex')}`
const emptyLayer = 'sha256:a3ed95caeb02ffe68cdd9fd84406680ae93d633cb16422d00e8a7c22955b46d4'

let pg: TestDatabase
let proxy: TcpProxy
let lines: string[] = []
beforeAll(async () => {
  pg = await testDatabase()
  await storeSmallWorld(pg)
  await holds('app/run:1', ['base', 'run'])
  await holds('app/tool:1', ['base', 'tool'])
  await holds('solo:latest', ['solo'])
  // the top layer of app/run:1, on something else
  await holds('lib/base:1', ['base2', 'run'])
  proxy = await tcpProxy(Number(new URL(pg.url).port))
})
beforeEach(async () => {
  proxy.mend()
  lines = []
  await pg.sql`truncate scanned_layer, scan_finding, portus_look`
  await pg.sql`delete from graphile_worker._private_jobs`
})
afterAll(async () => {
  await proxy.close()
  await pg.close()
})

/** Gives the head of a tag these blobs. */
const holds = (ref: string, names: string[]) => pg.sql`
  update manifest set layers = ${JSON.stringify(names.map((name) => ({ digest: blob(name) })))}::text::jsonb
  where digest = (select head_digest from tag where ref = ${`reg:5000/${ref}`})`

async function scanner(clairUrl: string | null = null) {
  const url = new URL(pg.url)
  url.port = String(proxy.port)
  const sql = connect(url.href, { max: 3 })
  const config = configFor(['reg:5000'], { scanner: true, clairUrl })
  const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) })
  const d = { ...{ config, log, sql, db: pg.db, jobs: makeJobs(), vault, mailer: null, clock: () => new Date() } }
  const server = createServer(apiApp(d as unknown as Deps, { web: true }))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const at = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    at,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await sql.end({ timeout: 1 })
    },
  }
}
const visiting = async <T>(work: (at: string) => Promise<T>, clairUrl: string | null = null): Promise<T> => {
  const s = await scanner(clairUrl)
  try {
    return await work(s.at)
  } finally {
    await s.close()
  }
}
const image = (repository: string, ...names: string[]) => ({ repository, layers: names.map(blob) })
const jobs = async () =>
  (await pg.sql<{ payload: string }[]>`select payload::text from graphile_worker._private_jobs`).map(({ payload }) =>
    JSON.parse(payload),
  )

test('shows Portus the base that has moved under an image, with a link', async () => {
  const [found, ...more] = await visiting((at) => portusVisit(at, image('app/run', 'base', 'run')))
  expect(more).toEqual([])
  expect(found).toMatchObject({
    Name: 'Outdated base: (withheld)',
    Severity: 'Medium',
    Link: 'http://drydock.test:8080/tags/reg%3A5000%2Fapp%2Frun%3A1',
  })
})

test('names the base to whom a viewer of the namespace may see it', async () => {
  await pg.sql`insert into namespace (key, visibility) values ('lib', 'protected')`
  const [found] = await visiting((at) => portusVisit(at, image('app/run', 'base', 'run')))
  expect(found!.Name).toBe('Outdated base: reg:5000/lib/base:1')
  expect(found!.Description).toMatch(
    /^reg:5000\/app\/run:1 is based on reg:5000\/lib\/base:1, which has moved since: sha256:[0-9a-f]{12} → sha256:[0-9a-f]{12}\.$/,
  )
})

test.each([
  ['of which nothing is outdated', image('solo', 'solo')],
  ['with the same top layer on something else', image('lib/base', 'base2', 'run')],
  ['in another repository', image('app/other', 'base', 'run')],
  ['of which a layer is missing', image('app/run', 'run')],
  ['with a layer more', image('app/run', 'below', 'base', 'run')],
  ['that is not known', image('app/run', 'base', 'never')],
])('shows nothing of an image %s', async (_, visited) => {
  expect(await visiting((at) => portusVisit(at, visited))).toEqual([])
})

test('goes by what was told last, where two images share their top layer', async () => {
  await visiting(async (at) => {
    expect(await portusVisit(at, image('app/run', 'base', 'run'))).toHaveLength(1)
    expect(await portusVisit(at, image('lib/base', 'base2', 'run'))).toEqual([])
    expect(await portusVisit(at, image('app/run', 'base', 'run'))).toHaveLength(1)
  })
})

test('knows an image with empty layers, which Portus leaves out, and one of an index', async () => {
  await pg.sql`
    update manifest set layers = ${JSON.stringify([{ digest: blob('base') }, { digest: emptyLayer }, { digest: blob('tool') }])}::text::jsonb
    where digest = (select head_digest from tag where ref = 'reg:5000/app/tool:1')`
  expect(await visiting((at) => portusVisit(at, image('app/tool', 'base', 'tool')))).toHaveLength(1)
  const [head] = await pg.sql<
    { digest: string }[]
  >`select head_digest as digest from tag where ref = 'reg:5000/app/run:1'`
  await pg.sql`insert into manifest (digest, media_type, kind) values (${blob('index')}, 'x', 'index')`
  await pg.sql`insert into index_entry (index_digest, position, manifest_digest) values (${blob('index')}, 0, ${head!.digest})`
  await pg.sql`update tag set head_digest = ${blob('index')} where ref = 'reg:5000/app/run:1'`
  expect(await visiting((at) => portusVisit(at, image('app/run', 'base', 'run')))).toHaveLength(1)
  await pg.sql`update tag set head_digest = ${head!.digest} where ref = 'reg:5000/app/run:1'`
})

test('answers whatever it cannot read or does not know in JSON', async () => {
  await visiting(async (at) => {
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

test('answers in JSON while the database is away, and again when it is back', async () => {
  await visiting(async (at) => {
    await portusVisit(at, image('app/run', 'base', 'run'))
    proxy.cut()
    const away = await fetch(`${at}/v1/layers/${blob('run')}`)
    expect([away.status, await away.json()]).toEqual([503, { Error: { Message: 'not now' } }])
    proxy.mend()
    expect(await portusVisit(at, image('app/run', 'base', 'run'))).toHaveLength(1)
  })
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

test('forgets what nobody asked about for a month', async () => {
  await visiting((at) => portusVisit(at, image('app/run', 'base', 'run')))
  const in29 = () => new Date(Date.now() + 29 * 86_400_000)
  await forgetScans({ sql: pg.sql, clock: in29 })
  expect(await pg.sql`select 1 from scanned_layer`).toHaveLength(2)
  await forgetScans({ sql: pg.sql, clock: () => new Date(in29().getTime() + 2 * 86_400_000) })
  expect(await pg.sql`select 1 from scanned_layer`).toEqual([])
})

/** As Clair 2.1 answers: https://github.com/quay/clair/blob/v2.1.8/Documentation/api_v1.md */
const cve = {
  ...{ Name: 'CVE-2014-9471', NamespaceName: 'debian:8', Description: 'parse_datetime in coreutils', Severity: 'Low' },
  ...{ Link: 'https://security-tracker.debian.org/tracker/CVE-2014-9471', FixedBy: '9.23-5' },
}
async function realClair(
  handle?: Parameters<typeof serveHttp>[0],
): Promise<HttpServer & { posted: { Name: string; Headers: object }[] }> {
  const posted: { Name: string; Headers: object }[] = []
  const server = await serveHttp((request, response, url) => {
    if (handle) return handle(request, response, url)
    if (request.method === 'GET')
      return reply(response, 200, { Layer: { Features: [{ Name: 'coreutils', Vulnerabilities: [cve] }] } })
    let text = ''
    request.on('data', (part: Buffer) => {
      text += part
    })
    request.on('end', () => {
      posted.push(JSON.parse(text).Layer)
      reply(response, 201, { Layer: {} })
    })
  })
  return Object.assign(server, { posted })
}
const until = async (what: () => Promise<boolean> | boolean) => {
  while (!(await what())) await new Promise((resolve) => setTimeout(resolve, 20))
}

test('hands all on to a real Clair, bottom to top, and adds what that finds once it is known', async () => {
  const clair = await realClair()
  await visiting(async (at) => {
    await portusVisit(at, image('app/run', 'base', 'run'))
    await until(async () => (await pg.sql`select 1 from scan_finding`).length === 1)
    expect(clair.posted.map(({ Name }) => Name)).toEqual([blob('base'), blob('run')])
    expect(clair.posted[0]!.Headers).toEqual({ Authorization: 'Bearer of-the-registry' })
    expect(await jobs()).toEqual([{ refs: ['reg:5000/app/run:1'] }])
    const both = await portusVisit(at, image('app/run', 'base', 'run'))
    expect(both.map(({ Name }) => Name)).toEqual([expect.stringContaining('Outdated base'), cve.Name])
    await until(() => clair.seen.filter(({ method }) => method === 'GET').length === 2)
  }, clair.url)
  expect(await jobs()).toHaveLength(1)
  await clair.close()
})

test.each<[string, Parameters<typeof serveHttp>[0]]>([
  ['says that it cannot', (_, response) => reply(response, 500, { Error: { Message: 'no' } })],
  ['answers nonsense', (_, response) => reply(response, 200, '<html>')],
  ['hangs up', (_, response) => void response.destroy()],
  ['says nothing', () => undefined],
])('shows what it knows itself while the real Clair %s', async (_, handle) => {
  const clair = await realClair(handle)
  const found = await visiting((at) => portusVisit(at, image('app/run', 'base', 'run')), clair.url)
  expect(found).toHaveLength(1)
  await clair.close()
  expect(lines.join('')).not.toContain('of-the-registry')
})
