import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { watch } from '../../src/watch/watch.ts'
import { serveHttp } from '../support/http-server.ts'
import { pushImage, startDebianRegistry, startSmall, type TestRegistry } from '../support/registry.ts'
import { basedOn, openWatchStage, removeTag, type WatchStage } from './stage.ts'

/** Ours is Debian's registry; outside is a small one, and a server before it that counts. */
let ours: TestRegistry
let outside: TestRegistry
let s: WatchStage

beforeAll(async () => {
  ours = await startDebianRegistry()
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

describe('a base on a registry that sends us nothing', () => {
  test('is asked for once it is named, and what happens to it happens to who is based on it', async () => {
    const base = `${outside.host}/lib/base:1`
    const app = `${ours.host}/app/one:1`
    const first = await theirs('lib/base', 'v1')
    await child('app/one', base, first.manifestDigest)
    await s.seeOurs()
    expect(await s.verdict(app)).toBe('unknown: base-unreachable')
    expect(await s.jobs()).toContain(`watch:${outside.host}`)

    await s.poll(outside.host)
    expect(await s.verdict(app)).toBe('current')
    expect(await s.host(outside.host)).toMatchObject({ outside: true })
    expect(await s.row(base)).toMatchObject({ host: outside.host, askedAt: s.now(), error: null })
    expect(await s.pg.db.tagFact.findMany({ where: { tag: '1', repository: { name: 'lib/base' } } })).toMatchObject([
      { kind: 'push', digest: first.manifestDigest, exact: false, sourceId: expect.stringMatching(/^watch:/) },
    ])

    const second = await theirs('lib/base', 'v2')
    await s.poll(outside.host)
    expect(await s.verdict(app)).toBe('current')
    await s.pollLater(outside.host)
    expect(await s.verdict(app)).toBe('outdated')
    expect(await s.head(base)).toBe(second.manifestDigest)

    await theirs('lib/base', 'v1')
    await s.pollLater(outside.host)
    expect(await s.verdict(app)).toBe('current')

    await removeTag(outside, base)
    await s.pollLater(outside.host)
    expect(await s.verdict(app)).toBe('unknown: base-absent')
    expect(await s.pg.db.tagSpan.count({ where: { tag: { ref: base } } })).toBe(3)
  })

  test('that does not exist is absent, not unreachable; and may come', async () => {
    const base = `${outside.host}/lib/coming:1`
    await child('app/early', base)
    await s.seeOurs()
    await s.poll(outside.host)
    expect(await s.verdict(`${ours.host}/app/early:1`)).toBe('unknown: base-absent')
    await theirs('lib/coming', 'here')
    await s.pollLater(outside.host)
    expect(await s.head(base)).not.toBeNull()
    expect(await s.verdict(`${ours.host}/app/early:1`)).not.toMatch(/absent|unreachable/)
  })

  test('is judged by an old digest that its registry still has', async () => {
    const base = `${outside.host}/lib/old:1`
    const old = await theirs('lib/old', 'old')
    await theirs('lib/old', 'new')
    await child('app/old', base, old.manifestDigest)
    await s.seeOurs()
    await s.poll(outside.host)
    expect(await s.verdict(`${ours.host}/app/old:1`)).toBe('outdated')
  })

  test('leads on to its own base, outside as well', async () => {
    const upper = await theirs('chain/upper', 'u1')
    const lower = await pushImage(outside.client, {
      ...{ repository: 'chain/lower', tag: '1', layers: ['l1'] },
      annotations: basedOn(`${outside.host}/chain/upper:1`, upper.manifestDigest),
    })
    await child('app/chain', `${outside.host}/chain/lower:1`, lower.manifestDigest)
    await s.seeOurs()
    await s.poll(outside.host)
    s.advance(60)
    await s.poll(outside.host)
    expect(await s.row(`${outside.host}/chain/upper:1`)).toMatchObject({ error: null, askedAt: expect.any(Date) })
    await theirs('chain/upper', 'u2')
    await s.pollLater(outside.host)
    expect(await s.verdict(`${outside.host}/chain/lower:1`)).toBe('outdated')
    expect(await s.verdict(`${ours.host}/app/chain:1`)).toBe('outdated')
  })

  test('nobody is based on any more is not asked for any more, until somebody is again', async () => {
    const base = `${outside.host}/lib/dropped:1`
    const first = await theirs('lib/dropped', 'x')
    await child('app/leaving', base, first.manifestDigest)
    await s.seeOurs()
    await s.poll(outside.host)
    expect(await s.row(base)).not.toBeNull()
    await pushImage(ours.client, { repository: 'app/leaving', tag: '1', layers: ['on its own now'] })
    await s.seeOurs()
    await s.verdict(`${ours.host}/app/leaving:1`)
    await s.pollLater(outside.host)
    expect(await s.row(base)).toBeNull()
    await child('app/leaving', base, first.manifestDigest)
    await s.seeOurs()
    expect(await s.row(base)).toMatchObject({ host: outside.host, askedAt: null })
    await s.pg.sql`delete from watch where ref = ${base}`
    await s.restart({})
    expect(await s.row(base)).toMatchObject({ host: outside.host, askedAt: null })
  })

  test('that has a version: the names of its repository are kept, and asked for once a day', async () => {
    await theirs('lib/versions', 'a', '1.2')
    await theirs('lib/versions', 'b', '1.3')
    await child('app/versions', `${outside.host}/lib/versions:1.2`)
    await s.seeOurs()
    await s.poll(outside.host)
    const listing = () => s.pg.db.tagListing.findFirst({ where: { repository: { name: 'lib/versions' } } })
    expect(await listing()).toMatchObject({ names: ['1.2', '1.3'], listedAt: s.now() })
    await theirs('lib/versions', 'c', '1.4')
    await s.pollLater(outside.host)
    expect((await listing())?.names).toEqual(['1.2', '1.3'])
    s.advance(86_400)
    await s.poll(outside.host)
    expect((await listing())?.names).toEqual(['1.2', '1.3', '1.4'])
  })
})

describe('however many and however often', () => {
  test('500 tags on one base are one request a poll, and two processes never ask one host at once', async () => {
    let under = 0
    let most = 0
    const base = await theirs('lib/popular', 'v1')
    const server = await serveHttp((request, response, url) => {
      most = Math.max(most, ++under)
      fetch(`${outside.url}${url.pathname}`, {
        method: request.method ?? 'GET',
        headers: { accept: String(request.headers.accept ?? '*/*') },
      })
        .then(async (answer) => {
          const bytes = Buffer.from(await answer.arrayBuffer())
          under--
          response.writeHead(answer.status, Object.fromEntries(answer.headers))
          response.end(request.method === 'HEAD' ? undefined : bytes)
        })
        .catch(() => response.destroy())
    })
    const host = new URL(server.url).host
    const ref = `${host}/lib/popular:1`
    const image = await child('app/popular', ref, base.manifestDigest, '1')
    await s.seeOurs()
    await s.poll(host)
    await s.pg.sql`
      insert into tag (repository_id, name, ref, head_digest, head_at)
      select repository_id, 'n' || n, ref || 'n' || n, head_digest, head_at from tag, generate_series(2, 500) n
      where ref = ${`${ours.host}/app/popular:1`}`
    expect(await s.pg.db.tag.count({ where: { headDigest: image.manifestDigest } })).toBe(500)
    const asked = server.seen.length
    await s.pollLater(host)
    expect(server.seen.slice(asked)).toMatchObject([{ method: 'HEAD', path: '/v2/lib/popular/manifests/1' }])

    const other = s.another()
    for (let i = 0; i < 5; i++) {
      s.advance(4_000)
      const before = server.seen.length
      await Promise.all([s.poll(host), watch(other, { host }), watch(other, { host })])
      expect(server.seen.length).toBe(before + 1)
    }
    expect(most).toBe(1)
    await server.close()
  })
})
