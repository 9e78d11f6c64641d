import { afterEach, expect, test } from '@jest/globals'
import type { Digest } from '../../src/oci/digest.ts'
import { digestOf } from '../../src/registry/check-digest.ts'
import { makeClient, type RegistryClient } from '../../src/registry/client.ts'
import { type Handler, type HttpServer, reply, serveHttp } from '../support/http-server.ts'

let server: HttpServer
let client: RegistryClient

async function registry(handler: Handler): Promise<void> {
  server = await serveHttp(handler)
  client = clientOf(120_000)
}
const policy = { attempts: 1, firstPause: 1, longestPause: 1, longestRetryAfter: 1 }
const clientOf = (idle: number) => makeClient({ url: new URL(server.url), policy, timeOuts: { idle, total: 120_000 } })
afterEach(async () => {
  client.close()
  await server.close()
})

const gibibyte = 1024 ** 3
const some = `sha256:${'1'.repeat(64)}` as Digest

/** A source that never ends by itself; `ended` when it was given up. */
function endless(failAfter = Number.POSITIVE_INFINITY, failure = new Error('the source broke')) {
  const closed = Promise.withResolvers<void>()
  let opened = 0
  const open = async () =>
    (async function* () {
      opened++
      try {
        for (let i = 0; ; i++) {
          if (i === failAfter) throw failure
          yield Buffer.alloc(64 * 1024)
        }
      } finally {
        closed.resolve()
      }
    })()
  return { source: { size: gibibyte, open }, ended: closed.promise, opened: () => opened }
}

const uploads =
  (put: Handler): Handler =>
  (request, response, url) =>
    request.method === 'POST' ? reply(response, 202, '', { location: '/v2/a/up' }) : put(request, response, url)

test('a refusal that comes before all was sent ends the sending, the source and the connection', async () => {
  const gone = Promise.withResolvers<void>()
  await registry(
    uploads((request, response) => {
      request.socket.on('close', () => gone.resolve())
      reply(response, 413, { errors: [{ code: 'TOO_LARGE' }] })
    }),
  )
  const { source, ended } = endless()
  await expect(client.uploadBlob('a', some, source)).rejects.toMatchObject({ code: 'bad-response', status: 413 })
  await ended
  await gone.promise
  expect(server.seen.at(-1)?.headers).toMatchObject({ 'content-length': String(gibibyte) })
  expect(server.seen.at(-1)?.headers['transfer-encoding']).toBeUndefined()
})

test('a source that breaks is the reason, and what was sent is never complete', async () => {
  const ends: string[] = []
  const over = Promise.withResolvers<void>()
  await registry(
    uploads((request) => {
      request.resume()
      request.on('end', () => ends.push('whole')).on('close', () => over.resolve())
      request.on('error', () => ends.push('broken'))
    }),
  )
  const { source } = endless(3)
  await expect(client.uploadBlob('a', some, source)).rejects.toThrow('the source broke')
  await over.promise
  expect(ends).toEqual(['broken'])
})

test('a source is opened anew where the registry wants a login first', async () => {
  const bytes = Buffer.from('bytes')
  const got: string[] = []
  await registry(
    uploads((request, response) => {
      if (request.headers.authorization === undefined) {
        request.resume()
        request.on('end', () => reply(response, 401, '', { 'www-authenticate': 'Basic realm="x"' }))
        return
      }
      request.setEncoding('utf8').on('data', (text: string) => got.push(text))
      request.on('end', () => reply(response, 201))
    }),
  )
  const withLogin = makeClient({ url: new URL(server.url), credentials: { username: 'ada', password: 'secret' } })
  let opened = 0
  const open = async () => {
    opened++
    return (async function* () {
      yield bytes
    })()
  }
  await withLogin.uploadBlob('a', digestOf(bytes), { size: bytes.length, open })
  withLogin.close()
  expect([opened, got]).toEqual([2, ['bytes']])
})

test('a stream that nobody reads further is ended by its signal', async () => {
  const gone = Promise.withResolvers<void>()
  await registry((request, response) => {
    request.socket.on('close', () => gone.resolve())
    response.writeHead(200, { 'content-length': String(gibibyte) })
    response.write(Buffer.alloc(64 * 1024))
  })
  const stop = new AbortController()
  const found = await client.openBlob('a', some, { size: gibibyte, signal: stop.signal })
  const pieces = found![Symbol.asyncIterator]()
  const first = pieces.next()
  first.catch(() => undefined)
  stop.abort(new Error('cancelled'))
  await expect(first).rejects.toThrow('cancelled')
  await gone.promise
})

test('a stream that stops coming is a time-out, one that breaks off unreachable, one that is not there null', async () => {
  let answer: Handler = (_request, response) => {
    response.writeHead(200, { 'content-length': '10' })
    response.write('12345')
  }
  await registry((...all) => answer(...all))
  const read = async (by = client) => {
    const found = await by.openBlob('a', some, { size: 10 })
    if (found) for await (const piece of found) expect(piece.length).toBeGreaterThan(0)
    return found
  }
  const impatient = clientOf(100)
  await expect(read(impatient)).rejects.toMatchObject({ code: 'timeout', retryable: true })
  impatient.close()
  answer = (_request, response) => {
    response.writeHead(200, { 'content-length': '10' })
    response.write('12345', () => response.destroy())
  }
  await expect(read()).rejects.toMatchObject({ code: 'unreachable', retryable: true })
  answer = (_request, response) => reply(response, 404, { errors: [{ code: 'BLOB_UNKNOWN' }] })
  expect(await read()).toBeNull()
})
