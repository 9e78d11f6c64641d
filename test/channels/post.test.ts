import type { LookupAddress, lookup } from 'node:dns'
import type { ServerResponse } from 'node:http'
import { afterEach, describe, expect, test } from '@jest/globals'
import { post } from '../../src/channels/post.ts'
import { makeReach } from '../../src/channels/reach.ts'
import { makeCertificate } from '../support/certificate.ts'
import { serveHttp } from '../support/http-server.ts'
import { silentServer } from '../support/silent-server.ts'
import { type Receiver, receiver } from './receiver.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})
const reachOf = (allow: string[], resolve?: typeof lookup) =>
  makeReach({ channels: { allow }, publicUrl: 'https://drydock.test', host: '127.0.0.1' }, resolve)
const inside = reachOf(['127.0.0.1', 'localhost'])
const start = async (answer?: (response: ServerResponse, nth: number) => void): Promise<Receiver> => {
  const made = await receiver(answer)
  closers.push(made.close)
  return made
}
const send = (url: string, more: { reach?: typeof inside; signal?: AbortSignal; ms?: number } = {}) =>
  post(
    more.reach ?? inside,
    {
      url: new URL(url),
      headers: { 'content-type': 'text/x' },
      body: 'ü',
      ...(more.signal ? { signal: more.signal } : {}),
    },
    more.ms ?? 20_000,
  )

describe('a receiver that answers', () => {
  test('is sent the body as it is, once', async () => {
    const { url, got } = await start()
    expect(await send(`${url}/a/b?c=d`)).toEqual({ status: 204, retryAfter: null, text: '' })
    expect(got).toMatchObject([
      { path: '/a/b?c=d', body: 'ü', headers: { 'content-type': 'text/x', 'content-length': '2' } },
    ])
  })

  test.each([301, 302, 303, 307, 308])('%i is its answer: nobody goes where it leads', async (status) => {
    const other = await start()
    const { url } = await start((response) => response.writeHead(status, { location: other.url }).end('over there'))
    expect(await send(url)).toEqual({ status, retryAfter: null, text: 'over there' })
    expect(other.got).toEqual([])
  })

  test('says when it wants to be asked again', async () => {
    const { url } = await start((response) => response.writeHead(503, { 'retry-after': '120' }).end())
    expect(await send(url)).toMatchObject({ status: 503, retryAfter: '120' })
  })

  test('at endless length is hung up on, and has answered', async () => {
    let hungUp = () => {}
    const over = new Promise<void>((resolve) => {
      hungUp = resolve
    })
    const { url } = await start((response) => {
      response.writeHead(200).on('close', hungUp)
      const more = (): void => void (response.destroyed || response.write('x'.repeat(65_536), () => setImmediate(more)))
      more()
    })
    const reply = await send(url)
    expect([reply.status, 'text' in reply && reply.text.length]).toEqual([200, 4096])
    await over
  })

  test('and breaks off has answered', async () => {
    const { url } = await start((response) => {
      response.writeHead(500, { 'content-length': '100' })
      response.write('half of it', () => response.destroy())
    })
    expect(await send(url)).toMatchObject({ status: 500 })
  })
})

describe('a receiver that does not answer', () => {
  const silence = async (url: string, ms = 20_000) => send(url, { ms })

  test('is not waited for longer than its time, whether it takes the connection, the request, or begins to answer', async () => {
    const silent = await silentServer()
    closers.push(silent.close)
    const deaf = await start(() => {})
    expect(await silence(`http://127.0.0.1:${silent.port}/`, 300)).toEqual({ status: null, because: 'ETIMEDOUT' })
    expect(await silence(deaf.url, 300)).toEqual({ status: null, because: 'ETIMEDOUT' })
  })

  test('refuses, or drops the connection: the reply says so, and nothing of the address', async () => {
    expect(await silence('http://127.0.0.1:1/secret')).toEqual({ status: null, because: 'ECONNREFUSED' })
    const dropping = await start((response) => response.destroy())
    expect(await silence(dropping.url)).toEqual({ status: null, because: 'ECONNRESET' })
  })

  test('has a certificate of nobody known', async () => {
    const certificate = makeCertificate()
    const server = await serveHttp((_request, response) => response.end(), certificate)
    closers.push(certificate.remove, server.close)
    expect(await silence(server.url)).toEqual({ status: null, because: 'DEPTH_ZERO_SELF_SIGNED_CERT' })
    expect(server.seen).toEqual([])
  })

  test('is let go of when the process ends', async () => {
    const deaf = await start(() => {})
    const ending = new AbortController()
    const sent = send(deaf.url, { signal: ending.signal })
    ending.abort(new Error('the process ends'))
    await expect(sent).rejects.toThrow('the process ends')
  })
})

describe('what is inside is not reached', () => {
  /** A name server that says of every name, at each asking, what comes next. */
  const naming = (...lists: LookupAddress[][]) => {
    let asked = 0
    const resolve = (_n: string, _o: object, done: (error: null, found: LookupAddress[]) => void) =>
      done(null, lists[Math.min(asked++, lists.length - 1)]!)
    return resolve as unknown as typeof lookup
  }
  const home: LookupAddress = { address: '127.0.0.1', family: 4 }

  test.each([
    ['by its address', 'https://127.0.0.1:PORT/'],
    ['by its address within IPv6', 'https://[::ffff:127.0.0.1]:PORT/'],
    ['without https', 'http://hooks.example.com:PORT/'],
    ['by a name that the machine itself knows', 'https://localhost:PORT/'],
  ])('%s', async (_how, template) => {
    const { url, got } = await start()
    const reach = reachOf([])
    const target = template.replace('PORT', new URL(url).port)
    expect(await send(target, { reach })).toEqual({ status: null, because: 'channel-forbidden' })
    expect(got).toEqual([])
  })

  test('by a name of the internet whose addresses are here, now or at a second asking', async () => {
    const { url, got } = await start()
    const { port } = new URL(url)
    for (const lists of [[[home]], [[{ address: '::1', family: 6 }, home]], [[], [home]]]) {
      const reach = reachOf([], naming(...lists))
      for (const _try of [1, 2])
        expect(await send(`https://hooks.example.com:${port}/`, { reach })).toEqual({
          status: null,
          because: 'channel-forbidden',
        })
    }
    expect(got).toEqual([])
  })

  test('unless it is allowed, by the name it was allowed by', async () => {
    const { url, got } = await start()
    const { port } = new URL(url)
    expect(await send(`http://localhost:${port}/`, { reach: reachOf([`localhost:${port}`]) })).toMatchObject({
      status: 204,
    })
    expect(await send(`http://localhost:${port}/`, { reach: reachOf(['127.0.0.1']) })).toEqual({
      status: null,
      because: 'channel-forbidden',
    })
    expect(got).toHaveLength(1)
  })
})

test('a proxy of the environment is not asked: it would look up the name again', async () => {
  const proxy = await start()
  const { url, got } = await start()
  const before = process.env.http_proxy
  process.env.http_proxy = proxy.url
  try {
    expect(await send(url)).toMatchObject({ status: 204 })
  } finally {
    if (before === undefined) delete process.env.http_proxy
    else process.env.http_proxy = before
  }
  expect([got.length, proxy.got.length]).toEqual([1, 0])
})
