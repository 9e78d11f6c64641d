import { afterEach, describe, expect, test } from '@jest/globals'
import { digestOf } from '../../src/registry/check-digest.ts'
import { makeClient, type RegistryClient } from '../../src/registry/client.ts'
import { type Handler, type HttpServer, reply, serveHttp } from '../support/http-server.ts'

let server: HttpServer
let client: RegistryClient

const once = { attempts: 1, firstPause: 1, longestPause: 1, longestRetryAfter: 1 }
const mebibyte = Buffer.alloc(1024 * 1024, ' ')
const digest = digestOf(mebibyte)

async function registry(handler: Handler, timeOuts = { idle: 120_000, total: 120_000 }): Promise<void> {
  server = await serveHttp(handler)
  client = makeClient({ url: new URL(server.url), policy: once, timeOuts })
}
afterEach(async () => {
  client.close()
  await server.close()
})

/** Sends without an end, as fast as it is taken, and counts. */
function flood(sent: { bytes: number }): Handler {
  return (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/vnd.oci.image.manifest.v1+json' })
    const more = (): void => {
      if (response.destroyed) return
      sent.bytes += mebibyte.length
      if (response.write(mebibyte)) setImmediate(more)
      else response.once('drain', more)
    }
    more()
  }
}

describe('too large', () => {
  test('a manifest without end is cut off soon after 4 MiB, not kept', async () => {
    const sent = { bytes: 0 }
    await registry(flood(sent))
    await expect(client.getManifest('a', '1')).rejects.toMatchObject({ code: 'too-large', retryable: false })
    expect(sent.bytes).toBeLessThan(40 * 1024 * 1024)
  })

  test('what announces its size is not even begun', async () => {
    await registry((_request, response) => response.writeHead(200, { 'content-length': '200000000' }).flushHeaders())
    await expect(client.getManifest('a', '1')).rejects.toMatchObject({ code: 'too-large' })
    await expect(client.getBlob('a', digest, { maxBytes: 199_999_999 })).rejects.toMatchObject({ code: 'too-large' })
  })

  test('a blob of exactly as many bytes as allowed is taken, one more is not', async () => {
    await registry((_request, response) => reply(response, 200, mebibyte))
    expect((await client.getBlob('a', digest, { maxBytes: mebibyte.length }))?.length).toBe(mebibyte.length)
    const short = client.getBlob('a', digest, { maxBytes: mebibyte.length - 1 })
    await expect(short).rejects.toMatchObject({ code: 'too-large' })
  })

  test('of an error only the beginning is read', async () => {
    const sent = { bytes: 0 }
    const endless = flood(sent)
    await registry((request, response, url) => {
      response.writeHead = (
        (writeHead) => () =>
          writeHead.call(response, 500)
      )(response.writeHead)
      endless(request, response, url)
    })
    await expect(client.getManifest('a', '1')).rejects.toMatchObject({ code: 'registry-error' })
    expect(sent.bytes).toBeLessThan(40 * 1024 * 1024)
  })
})

describe('too long', () => {
  test.each([
    ['no answer at all', (() => undefined) as Handler],
    ['an answer that stalls', ((_request, response) => response.writeHead(200).write('{')) as Handler],
  ])('%s: timeout', async (_, handler) => {
    await registry(handler, { idle: 100, total: 120_000 })
    await expect(client.getManifest('a', '1')).rejects.toMatchObject({ code: 'timeout', retryable: true })
  })

  test('an answer that trickles without end: timeout', async () => {
    const timers: NodeJS.Timeout[] = []
    await registry((_request, response) => void timers.push(setInterval(() => response.write(' '), 20)), {
      idle: 120_000,
      total: 200,
    })
    const asked = client.getBlob('a', digest, { maxBytes: 100 })
    await expect(asked).rejects.toMatchObject({ code: 'timeout', message: expect.stringContaining('not done after') })
    for (const timer of timers) clearInterval(timer)
  })
})

describe('a signal', () => {
  const reason = new Error('enough')

  test('ends a question under way, with its own reason', async () => {
    const ending = new AbortController()
    await registry(() => ending.abort(reason))
    await expect(client.getManifest('a', '1', { signal: ending.signal })).rejects.toBe(reason)
  })

  test('ends an answer that has begun', async () => {
    const ending = new AbortController()
    await registry((_request, response) => {
      response.writeHead(200).write('{', () => ending.abort(reason))
    })
    await expect(client.getManifest('a', '1', { signal: ending.signal })).rejects.toBe(reason)
  })

  test('that is over already asks nothing', async () => {
    await registry(() => undefined)
    await expect(client.hasBlob('a', digest, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    expect(server.seen).toEqual([])
  })

  test('ends one that waits for its turn, without waiting', async () => {
    await registry(() => undefined)
    const [first, second] = [new AbortController(), new AbortController()]
    const width = Array.from({ length: 8 }, () => client.hasBlob('a', digest, { signal: first.signal }))
    const waiting = client.hasBlob('a', digest, { signal: second.signal })
    second.abort(reason)
    await expect(waiting).rejects.toBe(reason)
    first.abort(reason)
    for (const asked of width) await expect(asked).rejects.toBe(reason)
  })
})

test('eight questions at most are under way at once', async () => {
  let [now, most] = [0, 0]
  const open: (() => void)[] = []
  await registry((_request, response) => {
    now++
    most = Math.max(most, now)
    open.push(() => {
      now--
      reply(response, 404)
    })
    // The ninth would be here by now: every one of the eight has sent its request before any is answered.
    if (open.length >= 8) for (const answer of open.splice(0)) setImmediate(answer)
  })
  const asked = Array.from({ length: 24 }, () => client.hasBlob('a', digest))
  expect(await Promise.all(asked)).toEqual(Array.from({ length: 24 }, () => false))
  expect(most).toBe(8)
})

test('connections are used again, and what is asked after the end is unreachable', async () => {
  const ports = new Set<number | undefined>()
  await registry((request, response) => {
    ports.add(request.socket.remotePort)
    reply(response, 404, '', { 'content-length': '0' })
  })
  for (let i = 0; i < 5; i++) await client.hasBlob('a', digest)
  expect(ports.size).toBe(1)
  client.close()
  await expect(client.hasBlob('a', digest)).rejects.toMatchObject({ code: 'unreachable' })
})
