import { afterEach, expect, test } from '@jest/globals'
import { makeClient, type RegistryClient } from '../../src/registry/client.ts'
import { all } from '../support/all.ts'
import { type Handler, type HttpServer, reply, serveHttp } from '../support/http-server.ts'
import { pushImage } from '../support/push.ts'
import { startSmall } from '../support/registry.ts'

let server: HttpServer
let client: RegistryClient

async function registry(handler: Handler): Promise<void> {
  server = await serveHttp(handler)
  client = makeClient({ url: new URL(server.url) })
}
afterEach(async () => {
  client.close()
  await server.close()
})

/** Three pages of tags, with Links as `link` writes them. */
const paged =
  (link: (next: string, host: string) => string): Handler =>
  (request, response, { searchParams }) => {
    const page = Number(searchParams.get('page') ?? 0)
    const headers = page < 2 ? { link: link(`/v2/a/tags/list?page=${page + 1}`, request.headers.host!) } : {}
    reply(response, 200, { name: 'a', tags: [`t${page}`] }, headers as Record<string, string>)
  }

test.each([
  ['relative', (next: string) => `<${next}>; rel="next"`],
  ['absolute', (next: string, host: string) => `<http://${host}${next}>; rel="next"`],
  ['relative to the page', (next: string) => `<list${next.slice(next.indexOf('?'))}>; rel=next`],
])('pages are followed along Links that are %s', async (_, link) => {
  await registry(paged(link))
  expect(await all(client.listTags('a'))).toEqual(['t0', 't1', 't2'])
})

test('a next page on another host is not asked for', async () => {
  const elsewhere = await serveHttp((_request, response) => reply(response, 200, { tags: ['stolen'] }))
  try {
    await registry(paged((next) => `<${elsewhere.url}${next}>; rel="next"`))
    await expect(all(client.listTags('a'))).rejects.toMatchObject({ code: 'bad-response' })
    expect(elsewhere.seen).toEqual([])
  } finally {
    await elsewhere.close()
  }
})

test('pages that go in a circle end in an error', async () => {
  await registry((_request, response) =>
    reply(response, 200, { tags: ['t'] }, { link: '</v2/a/tags/list?last=t>; rel="next"' }),
  )
  await expect(all(client.listTags('a'))).rejects.toMatchObject({ code: 'bad-response' })
})

test('a registry that allows only shorter pages is asked for its own length', async () => {
  await registry((_request, response, { searchParams }) =>
    searchParams.has('n')
      ? reply(response, 400, { errors: [{ code: 'PAGINATION_NUMBER_INVALID' }] })
      : reply(response, 200, { repositories: ['a'] }),
  )
  expect(await all(client.listRepositories())).toEqual(['a'])
})

test.each([
  ['no names at all', { tags: null }, []],
  ['names that are none', { tags: ['ok', '../../x', 'a b', ''] }, ['ok']],
])('%s', async (_, body, tags) => {
  await registry((_request, response) => reply(response, 200, body))
  expect(await all(client.listTags('a'))).toEqual(tags)
})

test.each(['no JSON', '{"tags": "1"}', '[1]'])('%s is no list', async (body) => {
  await registry((_request, response) => reply(response, 200, body))
  await expect(all(client.listTags('a'))).rejects.toMatchObject({ code: 'bad-response' })
})

test('a caller who has seen enough asks for no further page', async () => {
  await registry(paged((next) => `<${next}>; rel="next"`))
  for await (const tag of client.listTags('a')) {
    expect(tag).toBe('t0')
    break
  }
  expect(server.seen.length).toBe(1)
})

test('more tags than fit on a page come all, from a real registry', async () => {
  const small = await startSmall()
  await registry(() => undefined)
  try {
    await pushImage(small.client, { repository: 'many', tag: 'first', layers: ['x'] })
    const manifest = (await small.client.getManifest('many', 'first'))!
    const names = Array.from({ length: 1_100 }, (_, i) => `t${i}`)
    await Promise.all(names.map((name) => small.client.putManifest('many', name, manifest)))
    expect(await all(small.client.listTags('many'))).toEqual(['first', ...names].sort())
  } finally {
    await small.close()
  }
})
