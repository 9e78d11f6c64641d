import { afterEach, describe, expect, test } from '@jest/globals'
import type { Limits } from '../../../src/people/sources/source.ts'
import { peopleSource } from '../../../src/people/sources/sources.ts'
import type { HttpPlace, PeopleSourceConfig } from '../../../src/people-settings.ts'
import { one } from '../../contract/people-source.ts'
import { makeCertificate } from '../../support/certificate.ts'
import { type Handler, type HttpServer, reply, serveHttp } from '../../support/http-server.ts'
import { silentServer } from '../../support/silent-server.ts'

/** Sources over HTTP that say what no such source says. Nothing of it is an empty snapshot. */
const never = new AbortController().signal
const limits: Limits = { connectMs: 2000, idleMs: 2000, totalMs: 20_000, maxBytes: 100_000 }
const token = 'the-secret-of-the-account'

const kinds = {
  'portus-api': (place: HttpPlace): PeopleSourceConfig => ({
    ...{ kind: 'portus-api', name: 'portus', registry: 'reg.test', place, username: 'u', token, members: 'all' },
  }),
  harbor: (place: HttpPlace): PeopleSourceConfig => ({
    ...{ kind: 'harbor', name: 'harbor', registry: 'reg.test', place, username: 'u', password: token, projects: null },
  }),
}

let server: HttpServer | null = null
afterEach(async () => {
  await server?.close()
  server = null
})

describe.each(Object.entries(kinds))('%s', (_kind, config) => {
  const read = (place: Partial<HttpPlace> & { url: string }, signal = never, own = limits) =>
    peopleSource(config({ caFile: null, insecure: false, ...place }), one, own)
      .read(signal)
      .then(
        () => 'it was believed',
        (error: unknown) => error,
      )
  const answered = async (handler: Handler, own = limits) => {
    server = await serveHttp(handler)
    return read({ url: server.url }, never, own)
  }
  const json = { 'content-type': 'application/json' }

  test.each<[string, Handler, string]>([
    [
      'a page of HTML',
      (_, response) => reply(response, 200, '<html>Sign in</html>', { 'content-type': 'text/html' }),
      'nonsense',
    ],
    ['half of an answer', (_, response) => reply(response, 200, '[{"id": 1, "name": "ap', json), 'nonsense'],
    ['nothing at all', (_, response) => reply(response, 200, '', json), 'nonsense'],
    ['no UTF-8', (_, response) => reply(response, 200, Buffer.from([0x5b, 0x22, 0xff, 0x22, 0x5d]), json), 'nonsense'],
    ['something else', (_, response) => reply(response, 200, { items: [] }, json), 'nonsense'],
    ['entries of another kind', (_, response) => reply(response, 200, [{ id: 'one' }], json), 'nonsense'],
    ['null', (_, response) => reply(response, 200, 'null', json), 'nonsense'],
    ['an error', (_, response) => reply(response, 500, 'boom'), 'source-failed'],
    ['too many questions', (_, response) => reply(response, 429, ''), 'source-failed'],
    ['not found', (_, response) => reply(response, 404, '[]', json), 'nonsense'],
    ['no rights', (_, response) => reply(response, 403, '[]', json), 'forbidden'],
    ['somewhere else', (_, response) => reply(response, 302, '', { location: 'http://127.0.0.1:1/' }), 'nonsense'],
    [
      'a list said to be larger than it may be',
      (_, response) => response.writeHead(200, { ...json, 'content-length': '999999999' }).write('['),
      'too-large',
    ],
    [
      'a connection that breaks',
      (_, response) => void response.writeHead(200, json).write('[', () => response.destroy()),
      'unreachable',
    ],
  ])('%s', async (_what, handler, code) => {
    const error = await answered(handler)
    expect(error).toMatchObject({ name: 'SourceError', code })
    expect(String(error)).not.toContain(token)
  })

  test('a body without an end', async () => {
    const error = await answered((_, response) => {
      response.writeHead(200, json)
      const more = () => {
        while (response.writable && response.write(Buffer.alloc(16_384, 0x20)));
      }
      response.on('drain', more)
      more()
    })
    expect(error).toMatchObject({ code: 'too-large' })
  })

  test('a list without an end', async () => {
    let page = 0
    const error = await answered((_request, response, url) => {
      page += 1
      const item = { id: page, project_id: page, user_id: page, name: `n${page}`, username: `u${page}` }
      const next = { 'x-next-page': '1', link: `<${url.pathname}?page=${page + 1}>; rel="next"` }
      reply(response, 200, page > 50 ? [] : [item], { ...json, ...next })
    })
    expect(error).toMatchObject({ name: 'SourceError', code: 'nonsense' })
  })

  test('a server that never says a word', async () => {
    const silent = await silentServer()
    const error = await read({ url: `http://127.0.0.1:${silent.port}` }, never, { ...limits, idleMs: 300 })
    await silent.close()
    expect(error).toMatchObject({ name: 'SourceError', code: 'timeout' })
  })

  test('one that is asked no more', async () => {
    const silent = await silentServer()
    const ending = new AbortController()
    const reading = read({ url: `http://127.0.0.1:${silent.port}` }, ending.signal)
    const reason = new Error('the service ends')
    ending.abort(reason)
    expect(await reading).toBe(reason)
    await silent.close()
  })

  test('a certificate that nobody vouches for is not trusted, one of the file is', async () => {
    const certificate = makeCertificate()
    server = await serveHttp((_, response) => reply(response, 200, [], json), certificate)
    expect(await read({ url: server.url })).toMatchObject({ name: 'SourceError', code: 'unreachable' })
    expect(server.seen).toEqual([])
    expect(await read({ url: server.url, caFile: certificate.file })).toBe('it was believed')
    expect(await read({ url: server.url, insecure: true })).toBe('it was believed')
    certificate.remove()
    expect(await read({ url: server.url, caFile: certificate.file })).toMatchObject({ code: 'unreadable' })
  })
})
