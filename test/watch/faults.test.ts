import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { watch } from '../../src/watch/watch.ts'
import { type Handler, type HttpServer, reply, serveHttp } from '../support/http-server.ts'
import { pushImage, startSmall, type TestRegistry } from '../support/registry.ts'
import { basedOn, openWatchStage, type WatchStage } from './stage.ts'

/** Ours is a small registry; outside are another one, and servers before it that misbehave. */
let ours: TestRegistry
let outside: TestRegistry
let s: WatchStage

beforeAll(async () => {
  ours = await startSmall()
  outside = await startSmall()
  s = await openWatchStage(ours)
})
afterAll(async () => {
  await s.close()
  await Promise.all([ours.close(), outside.close()])
})

const theirs = (repository: string, layer: string, tag = '1') =>
  pushImage(outside.client, { repository, tag, layers: [layer] })
const child = (repository: string, name: string, digest?: string, tag = '1') =>
  pushImage(ours.client, { repository, tag, layers: [`of ${repository}:${tag}`], annotations: basedOn(name, digest) })

describe('a registry that does not answer as it should', () => {
  /** A server before the small registry that passes on what it does not answer itself. */
  async function before(fault: { now: Handler | null }): Promise<HttpServer & { host: string }> {
    const server = await serveHttp((request, response, url) => {
      if (fault.now) return fault.now(request, response, url)
      const accept = request.headers.accept
      fetch(`${outside.url}${url.pathname}${url.search}`, {
        method: request.method ?? 'GET',
        ...(accept ? { headers: { accept } } : {}),
      })
        .then(async (answer) => {
          const headers = Object.fromEntries(answer.headers)
          const bytes = Buffer.from(await answer.arrayBuffer())
          if (request.method === 'HEAD') return response.writeHead(answer.status, headers).end()
          reply(response, answer.status, bytes, headers)
        })
        .catch(() => response.destroy())
    })
    return { ...server, host: new URL(server.url).host }
  }

  const answers =
    (status: number, headers: Record<string, string> = {}): Handler =>
    (_request, response) =>
      reply(response, status, '', headers)

  async function onProxy(fault: { now: Handler | null }, repository: string) {
    const proxy = await before(fault)
    const base = `${proxy.host}/lib/base:1`
    const first = await theirs('lib/base', 'v1')
    await child(repository, base, first.manifestDigest)
    await s.seeOurs()
    return { proxy, base, app: `${ours.host}/${repository}:1` }
  }

  test.each<[string, Handler, RegExp]>([
    ['nothing at all', (_request, response) => response.destroy(), /^unreachable: /],
    ['500', answers(500), /^registry-error: .*500/],
    ['401 with no way in', answers(401), /^unauthorized: /],
    ['403', answers(403), /^unauthorized: .*403/],
    [
      'a web page',
      (_r, response) => reply(response, 200, '<html>', { 'content-type': 'text/html' }),
      /^bad-response: /,
    ],
  ])('(%s) changes nothing of what is known, and the error stays with the row', async (name, broken, error) => {
    const fault: { now: Handler | null } = { now: broken }
    const { proxy, base, app } = await onProxy(fault, `app/broken-${name.replace(/\W+/g, '-')}`)
    await s.poll(proxy.host)
    expect(await s.row(base)).toMatchObject({ error: expect.stringMatching(error) })
    expect(await s.verdict(app)).toBe('unknown: base-unreachable')

    fault.now = null
    await s.pollLater(proxy.host)
    expect(await s.row(base)).toMatchObject({ error: null })
    expect(await s.verdict(app)).toBe('current')

    fault.now = broken
    await s.pollLater(proxy.host)
    expect(await s.row(base)).toMatchObject({ error: expect.stringMatching(error) })
    expect(await s.verdict(app)).toBe('current')
    await proxy.close()
  })

  test('what may pass is tried soon, then ever later', async () => {
    const { proxy, base } = await onProxy({ now: answers(502) }, 'app/backing-off')
    const waits: number[] = []
    for (let i = 0; i < 4; i++) {
      await s.poll(proxy.host)
      const next = (await s.row(base))!.nextAt.getTime() - s.now().getTime()
      waits.push(Math.round(next / 60_000))
      s.advance(Math.ceil(next / 1000))
    }
    expect(waits[0]).toBe(1)
    expect(waits[3]!).toBeGreaterThan(5)
    await proxy.close()
  })

  test.each([429, 503])('%i with Retry-After: it is left alone until then, by every process', async (status) => {
    const fault: { now: Handler | null } = { now: answers(status, { 'retry-after': '7200' }) }
    const { proxy, base, app } = await onProxy(fault, `app/patience-${status}`)
    await s.poll(proxy.host)
    expect(proxy.seen.length).toBe(1)
    expect(await s.host(proxy.host)).toMatchObject({ pausedUntil: new Date(s.now().getTime() + 7_200_000) })
    fault.now = null
    s.advance(7_190)
    await s.poll(proxy.host)
    await watch(s.another(), { host: proxy.host })
    expect(proxy.seen.length).toBe(1)
    expect(await s.row(base)).toMatchObject({ error: expect.stringMatching(/rate-limited|registry-error/) })
    s.advance(11)
    await s.poll(proxy.host)
    expect(await s.row(base)).toMatchObject({ error: null })
    expect(await s.verdict(app)).toBe('current')
    await proxy.close()
  })

  test('a limit of which nothing remains is obeyed before it is broken', async () => {
    const fault: { now: Handler | null } = {
      now: answers(404, { 'ratelimit-limit': '100;w=21600', 'ratelimit-remaining': '0;w=21600' }),
    }
    const { proxy } = await onProxy(fault, 'app/limited')
    await s.poll(proxy.host)
    expect(proxy.seen.length).toBe(1)
    s.advance(21_500)
    await s.poll(proxy.host)
    expect(proxy.seen.length).toBe(1)
    s.advance(200)
    await s.poll(proxy.host)
    expect(proxy.seen.length).toBeGreaterThan(1)
    await proxy.close()
  })

  test('a host that is down is not tried once for each of its tags', async () => {
    const fault: { now: Handler | null } = { now: null }
    const { proxy } = await onProxy(fault, 'app/down')
    await s.pg.sql`
      insert into watch (ref, host, next_at) select ${`${proxy.host}/lib/base:`} || n, ${proxy.host}, to_timestamp(0)
      from generate_series(2, 20) n`
    await s.pg.sql`
      insert into declaration (subject, evidence, source, position, name, role)
      select head_digest, 'recipe', n::text, n, ${`${proxy.host}/lib/base:`} || n, 'build'
      from tag, generate_series(2, 20) n where ref = ${`${ours.host}/app/down:1`}`
    fault.now = (_request, response) => response.destroy()
    await s.poll(proxy.host)
    const tags = new Set(proxy.seen.map(({ path }) => path))
    expect(tags.size).toBe(3)
    expect(await s.pg.db.watch.count({ where: { host: proxy.host, nextAt: { lte: s.now() } } })).toBe(0)
    expect(await s.pg.db.watch.count({ where: { host: proxy.host, error: { startsWith: 'unreachable' } } })).toBe(20)
    await proxy.close()
  })
})
