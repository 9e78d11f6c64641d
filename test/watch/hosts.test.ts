import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { look } from '../../src/ingest/look.ts'
import { makeClient } from '../../src/registry/client.ts'
import { sweepWatches } from '../../src/watch/sweep.ts'
import { watchNow } from '../../src/watch/watch-now.ts'
import { serveHttp } from '../support/http-server.ts'
import { pushImage, registryUser, startDebianRegistry, startSmall, type TestRegistry } from '../support/registry.ts'
import { basedOn, openWatchStage, type WatchStage } from './stage.ts'

let ours: TestRegistry
let outside: TestRegistry
let s: WatchStage
const open = async (options: Parameters<typeof openWatchStage>[1] = {}) => {
  s = await openWatchStage(ours, options)
}

beforeEach(async () => {
  ours = await startSmall()
  outside = await startSmall()
})
afterEach(async () => {
  await s.close()
  await Promise.all([ours.close(), outside.close()])
})

let serial = 0
/** A base in a repository of its own, outside, and an image of ours that names it under `host`. */
async function pair(host = outside.host) {
  const repository = `lib/base-${++serial}`
  const push = (layer: string) => pushImage(outside.client, { repository, tag: '1', layers: [layer] })
  const base = await push('v1')
  await pushImage(ours.client, {
    ...{ repository: `app/app-${serial}`, tag: '1', layers: [`own ${serial}`] },
    annotations: basedOn(`${host}/${repository}:1`, base.manifestDigest),
  })
  await s.seeOurs()
  return { push, base, ref: `${host}/${repository}:1`, app: `${ours.host}/app/app-${serial}:1` }
}

describe('which hosts are asked', () => {
  test('none where none is allowed: no row, no job, and the reason', async () => {
    await open({ watch: [] })
    const { ref, app } = await pair()
    expect(await s.row(ref)).toBeNull()
    expect(await s.jobs()).toEqual([])
    expect(await s.verdict(app)).toBe('unknown: base-unreachable')
  })

  test('those the globs name, and no others', async () => {
    await open({ watch: ['127.0.0.1:*'] })
    const { ref } = await pair()
    const other = await pair(outside.host.replace('localhost', '127.0.0.1'))
    expect(await s.row(ref)).toBeNull()
    expect(await s.row(other.ref)).not.toBeNull()
  })

  test('an address that is never asked', async () => {
    await open()
    await pair('169.254.169.254')
    await pair('[fe80::1]:5000')
    expect(await s.pg.db.watch.count()).toBe(0)
  })

  test('allowed only later: asked from the next start on', async () => {
    await open({ watch: [] })
    const { ref, app } = await pair()
    await s.restart({})
    expect(await s.row(ref)).not.toBeNull()
    expect(await s.jobs()).toContain(`watch:${outside.host}`)
    await s.poll(outside.host)
    expect(await s.verdict(app)).toBe('current')
  })

  test('allowed no more: what was known of it judges nobody any longer', async () => {
    await open()
    const { ref, app, push } = await pair()
    await s.poll(outside.host)
    await push('v2')
    await s.pollLater(outside.host)
    expect(await s.verdict(app)).toBe('outdated')
    await s.restart({ watch: [] })
    expect(await s.row(ref)).toBeNull()
    expect(await s.host(outside.host)).toBeNull()
    expect(await s.verdict(app)).toBe('unknown: base-unreachable')
  })

  test('a registry that sends us events is never watched, and is not forgotten by a job that was left', async () => {
    await open()
    const { app } = await pair()
    await s.poll(ours.host)
    await sweepWatches(s.d())
    expect(await s.head(app)).toMatch(/^sha256:/)
    expect(await s.host(ours.host)).toMatchObject({ outside: false })
  })
})

describe('a registry with `watch`', () => {
  test('is asked with its login, at its address, under its name and aliases; nothing else is asked of it', async () => {
    const locked = await startDebianRegistry({ auth: 'htpasswd' })
    const client = makeClient({ url: new URL(locked.url), credentials: registryUser })
    const base = await pushImage(client, { repository: 'lib/base', tag: '1', layers: ['x'] })
    await pushImage(client, { repository: 'lib/other', tag: '1', layers: ['y'] })
    const config = {
      name: 'hub.corp',
      aliases: ['old.corp'],
      url: locked.url,
      insecure: false,
      watch: true,
      ...registryUser,
    }
    await open({ watch: [], outside: [config] })
    await pushImage(ours.client, {
      ...{ repository: 'app/locked', tag: '1', layers: ['own'] },
      annotations: basedOn('old.corp/lib/base:1', base.manifestDigest),
    })
    await s.seeOurs()
    await look(s.d(), 'hub.corp/lib/other:1')
    await s.poll('hub.corp')
    expect(await s.verdict(`${ours.host}/app/locked:1`)).toBe('current')
    expect((await s.pg.db.watch.findMany()).map(({ ref, error }) => ({ ref, error }))).toEqual([
      { ref: 'hub.corp/lib/base:1', error: null },
    ])
    expect(await s.pg.db.tag.findMany({ where: { ref: { startsWith: 'hub.corp/' } } })).toHaveLength(1)
    client.close()
    await locked.close()
  })

  test('spends no more than its budget in a minute, and says when the rest comes', async () => {
    const server = await serveHttp((_request, response) => response.writeHead(404).end())
    await open({ outside: [{ name: 'slow.corp', url: server.url, insecure: false, watch: true, perMinute: 8 }] })
    const { app } = await pair()
    await s.pg.sql`
      insert into declaration (subject, evidence, source, position, name, role)
      select head_digest, 'recipe', n::text, n, 'slow.corp/lib/base:' || n, 'build'
      from tag, generate_series(1, 20) n where ref = ${app}`
    await sweepWatches(s.d())
    expect(await s.pg.db.watch.count({ where: { host: 'slow.corp' } })).toBe(20)
    const asked: number[] = []
    for (let i = 0; i < 4; i++) {
      await s.poll('slow.corp')
      asked.push(server.seen.length)
      s.advance(10)
    }
    expect(asked[0]).toBe(2)
    expect(asked[3]).toBeLessThanOrEqual(6)
    expect(await s.jobs()).toContain('watch-next:slow.corp')
    await server.close()
  })
})

describe('aliases', () => {
  test('new ones at a start take the stored names with them, and what was watched under them', async () => {
    await open()
    const { ref, app } = await pair()
    const kept = await pair(outside.host.replace('localhost', '127.0.0.1'))
    await s.poll(outside.host)
    expect(await s.verdict(app)).toBe('current')
    const own = await pushImage(ours.client, {
      repository: ref.split(/[/:]/).slice(2, 4).join('/'),
      tag: '1',
      layers: ['v9'],
    })
    await s.seeOurs()
    await s.restart({ aliases: [outside.host] })
    const named = await s.pg.db.declaration.findMany({ orderBy: { name: 'asc' } })
    const renamed = ref.replace(outside.host, ours.host)
    expect(named.map(({ name }) => name).sort()).toEqual([kept.ref, renamed].sort())
    expect(await s.row(ref)).toBeNull()
    expect(await s.host(outside.host)).toBeNull()
    expect(await s.head(renamed)).toBe(own.manifestDigest)
    expect(await s.verdict(app)).toBe('outdated')
  })

  test('that are as they were cost nothing: no mark, no change', async () => {
    await open({ aliases: ['a.corp'] })
    await pair('a.corp')
    await s.verdict(`${ours.host}/app/app-${serial}:1`)
    await s.restart({ aliases: ['a.corp'] })
    expect(await s.pg.db.dirty.count()).toBe(0)
  })
})

describe('all at once, on demand', () => {
  test('asks whether due or not, tells what differs, and only tells it when it runs dry', async () => {
    await open()
    const { ref, base, push, app } = await pair()
    expect(await watchNow(s.d(), { dryRun: true })).toEqual([{ ref, kind: 'new', from: null, to: base.manifestDigest }])
    expect(await s.head(ref)).toBeUndefined()
    expect(await watchNow(s.d())).toHaveLength(1)
    const second = await push('v2')
    expect(await watchNow(s.d(), { host: 'elsewhere.org' })).toEqual([])
    expect(await watchNow(s.d(), { host: outside.host })).toEqual([
      { ref, kind: 'moved', from: base.manifestDigest, to: second.manifestDigest },
    ])
    expect(await watchNow(s.d())).toEqual([])
    expect(await s.verdict(app)).toBe('outdated')
  })
})
