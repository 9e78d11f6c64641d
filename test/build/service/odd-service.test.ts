import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { PassThrough } from 'node:stream'
import { afterAll, beforeAll, beforeEach, describe, expect, it, test } from '@jest/globals'
import { build } from '../../../src/build/build.ts'
import { cancelBuild } from '../../../src/build/cancel.ts'
import { readLog } from '../../../src/build/logs.ts'
import { Recipe } from '../../../src/build/recipe.ts'
import { putRecipe } from '../../../src/build/recipes.ts'
import { requestBuild } from '../../../src/build/request.ts'
import type { RemoteBuild } from '../../../src/build/service/remote-build.ts'
import { endingAfter, readEvents, type ServerEvent } from '../../../src/build/service/server-sent-events.ts'
import { defaultBuildSettings } from '../../../src/build-settings.ts'
import { type SmallRegistry, startSmallRegistry } from '../../../src/demo/registry/small-registry.ts'
import type { Deps } from '../../../src/deps.ts'
import { isDigest } from '../../../src/oci/digest.ts'
import { type TestDatabase, testDatabase } from '../../support/postgres.ts'
import { buildDeps, freshContent, pushContent } from '../world.ts'

/** A real HTTP server that keeps to the build service's API in form, and says in it whatever a test wants. */
describe('a build service that says what is not so', () => {
  let pg: TestDatabase
  let registry: SmallRegistry
  let server: Server
  let d: Deps
  let answer: (build: RemoteBuild) => Partial<RemoteBuild>
  let log: (response: ServerResponse, request: IncomingMessage) => void
  let silent: boolean
  let hangs: (request: IncomingMessage) => boolean
  const known = new Map<string, string>()
  const now = () => new Date().toISOString()
  const sha = (letter: string) => {
    const digest = `sha256:${letter.repeat(64)}`
    if (!isDigest(digest)) throw new Error(digest)
    return digest
  }
  const failed = (code: string) => ({ code, message: 'as it says', retryable: true })

  beforeAll(async () => {
    ;[pg, registry] = [await testDatabase(), await startSmallRegistry()]
    server = createServer((request, response) => {
      const chunks: Buffer[] = []
      request
        .on('data', (chunk: Buffer) => chunks.push(chunk))
        .on('end', () => {
          if (hangs(request)) return
          const json = (status: number, body: object) =>
            response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
          const [, id = '', what] = /^\/builder\/v1\/builds\/?([^/?]*)\/?([a-z]*)/.exec(request.url!) ?? []
          const told = (of: string, state: RemoteBuild['state']): RemoteBuild => ({
            ...{
              id: of,
              ref: known.get(of)!,
              state,
              builder: 'odd',
              createdAt: now(),
              startedAt: now(),
              finishedAt: now(),
            },
            ...{
              steps: [],
              host: null,
              content: null,
              previous: null,
              commit: null,
              digest: null,
              bases: [],
              error: null,
            },
          })
          if (request.method === 'POST' && id === '') {
            const job = JSON.parse(Buffer.concat(chunks).toString()) as { id: string; ref: string }
            known.set(job.id, job.ref)
            return json(201, told(job.id, 'queued'))
          }
          if (!known.has(id)) return json(404, { code: 'no-such-build' })
          if (what === 'logs') return log(response, request)
          if (what === 'cancel') return json(409, { code: 'build-over' })
          if (silent) return response.writeHead(503).end()
          const build = told(id, 'failed')
          json(200, { ...build, ...answer(build) })
        })
    })
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    d = buildDeps(pg, registry, { builder: 'remote', builderUrl: url, builderToken: 'x'.repeat(30) })
  })
  beforeEach(() => {
    silent = false
    hangs = () => false
    log = (response) =>
      void response.writeHead(200, { 'content-type': 'text/event-stream' }).end('event: end\ndata: \n\n')
  })
  afterAll(async () => {
    d.registries.close()
    server.closeAllConnections()
    server.close()
    await registry.close()
    await pg.close()
  })

  let made = 0
  const queue = async (): Promise<string> => {
    const ref = `${registry.host}/app/x${made++}:1`
    await putRecipe(d, ref, Recipe.parse({ git: { url: 'http://127.0.0.1:1/x.git', ref: 'main' } }))
    const requested = await requestBuild(d, { ref, reason: { kind: 'manual' }, root: null })
    if (requested === 'no-recipe') throw new Error('no recipe')
    return requested.build.id
  }
  const run = async (tracker = d, id?: string) => {
    id ??= await queue()
    await build(tracker, id)
    const [row] = await pg.sql<{ state: string; digest: string | null; code: string; retryable: boolean }[]>`
      select state, digest, error->>'code' as code, (error->>'retryable')::bool as retryable from build where id = ${id}`
    return { ...row!, log: await readLog(d, id) }
  }

  it.each(['claim-lost', 'shutting-down', 'cancelled', 'CONNECTION_CLOSED', '57P01', 'ECONNRESET'])(
    'by %s does not touch the claim or the database of the tracker: the build has failed',
    async (code) => {
      answer = () => ({ error: failed(code) })
      expect(await run()).toMatchObject({ state: 'failed', code: 'builder-answer' })
      answer = () => ({ steps: [{ name: 'build', startedAt: now(), finishedAt: now(), error: failed(code) }] })
      expect(await run()).toMatchObject({ state: 'failed', code: 'builder-answer' })
    },
  )

  it('of a failure in words of its own is believed', async () => {
    answer = () => ({ error: failed('build-failed') })
    log = (response) =>
      void response
        .writeHead(200, { 'content-type': 'text/event-stream' })
        .end('id: 1\ndata: [build-failed] as it says\n\n: a sign of life\n\nevent: end\ndata: \n\n')
    const failure = await run()
    expect(failure).toMatchObject({ state: 'failed', code: 'build-failed', retryable: true })
    // the service's log says it, and nothing says it again
    expect(failure.log.match(/as it says/g)).toHaveLength(1)
  })

  it('that somebody cancelled it there ends it as cancelled', async () => {
    const step = { name: 'build' as const, startedAt: now(), finishedAt: now(), error: failed('cancelled') }
    answer = () => ({ state: 'cancelled', steps: [step], error: failed('cancelled') })
    expect(await run()).toMatchObject({ state: 'cancelled', code: 'cancelled' })
  })

  it('of a push that never was, is not believed', async () => {
    answer = () => ({ state: 'succeeded', digest: sha('a'), commit: 'c' })
    expect(await run()).toMatchObject({ state: 'failed', code: 'push-mismatch', digest: null })
  })

  it('of a push that the registry knows, is', async () => {
    const client = d.registries.byName(registry.host)!
    const digest = await pushContent(client, `app/x${made}`, '1', freshContent(null, 'pushed'))
    answer = () => ({ state: 'succeeded', digest, commit: 'c' })
    expect(await run()).toMatchObject({ state: 'succeeded', digest })
  })

  it.each([{ id: '../../other' }, { ref: 'evil/other:1' }])('of another build: %j', async (other) => {
    answer = () => ({ ...other, error: failed('build-failed') })
    expect(await run()).toMatchObject({ state: 'failed', code: 'builder-answer' })
  })

  it('nothing any more, ends the build in time, to be tried again', async () => {
    answer = () => {
      silent = true
      return { state: 'queued' }
    }
    log = (response) => void response.writeHead(503).end()
    const { builds } = defaultBuildSettings()
    const impatient = { ...builds, timeouts: { ...builds.timeouts, host: 15 } }
    const unheard = await run({ ...d, config: { ...d.config, builds: impatient } })
    expect(unheard).toMatchObject({ state: 'failed', code: 'builder-unreachable', retryable: true })
    // of status and log together
    expect(unheard.log.match(/it answered 503\): waiting/g)).toHaveLength(1)
  })

  it.each(['POST', 'GET', 'cancel'])('nothing at all to %s, keeps no cancel waiting', async (what) => {
    const asked = Promise.withResolvers<void>()
    answer = () => ({ state: 'running', error: null, finishedAt: null })
    log = () => asked.resolve()
    hangs = ({ method, url = '' }) => {
      const is = what === 'cancel' ? url.endsWith('/cancel') : method === what
      if (is) asked.resolve()
      return is
    }
    const id = await queue()
    const ended = run(d, id)
    await asked.promise
    const from = performance.now()
    expect(await cancelBuild(d, id)).toBe('asked')
    expect(await ended).toMatchObject({ state: 'cancelled', code: 'cancelled' })
    expect(performance.now() - from).toBeLessThan(5000)
  })

  it('in lines that end as a standard allows, with ids or without, each once', async () => {
    let asked = 0
    log = (response, request) => {
      const [from] = [request.headers['last-event-id']]
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      // the first connection breaks in the middle
      if (asked++ === 0)
        return void response.end('id: 1\r\ndata: one \r\n\r\n: a comment\r\n\r\ndata: two \r\n\r\ndata: thr')
      response.end(
        `${from === '1' ? '' : 'data: from-the-start\r\n\r\n'}data: two \r\rdata: three \n\nevent: end\r\ndata: \r\n\r\n`,
      )
    }
    answer = () => (asked > 1 ? { error: failed('build-failed') } : { state: 'running' })
    expect((await run()).log).toContain('one two three ')
  })
})

test.each(['\n', '\r\n', '\r'])('events whose lines end in %j, cut anywhere', async (end) => {
  const bytes = Buffer.from(
    ['id: 7', 'data: ä', 'data: b', '', 'event: end', 'data: x', '', ''].join(end) + (end === '\r' ? '\n' : ''),
  )
  for (let cut = 0; cut <= bytes.length; cut++) {
    const events: ServerEvent[] = []
    const pieces = async function* () {
      yield bytes.subarray(0, cut)
      yield bytes.subarray(cut)
    }
    await readEvents(pieces(), (event) => events.push(event))
    expect(events).toEqual([
      { type: 'message', data: 'ä\nb', id: '7' },
      { type: 'end', data: 'x', id: null },
    ])
  }
})

test('a stream that falls silent is ended, one that says something now and then is not', async () => {
  const silent = new PassThrough()
  silent.write('one')
  const heard: string[] = []
  const listen = async (stream: PassThrough, ms: number) => {
    for await (const bytes of endingAfter(stream, ms)) heard.push(bytes.toString())
  }
  await expect(listen(silent, 50)).rejects.toThrow('nothing came for 0.05 s')
  const awake = new PassThrough()
  const over = listen(awake, 60_000)
  for (const text of ['two', 'three']) awake.write(text)
  awake.end()
  await over
  expect(heard.join()).toMatch(/^one,two,?three$/)
})
