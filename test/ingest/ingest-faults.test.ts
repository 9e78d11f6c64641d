import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { replay } from '../../src/inbox/replay.ts'
import { indexType, openStage, type Stage } from './stage.ts'

let s: Stage
beforeAll(async () => {
  s = await openStage()
})
beforeEach(() => s.clear())
afterAll(() => s.close())

describe('what cannot be had', () => {
  test('an index with an entry that is gone: the rest counts, and the next push asks again', async () => {
    const child = await s.image('lib/a', null, ['here'])
    const late = await s.image('lib/a', null, ['late'], { config: { architecture: 's390x' } })
    const digest = await s.manifest(
      'lib/a',
      '1',
      { manifests: [s.entry(child), s.entry(late, { platform: { os: 'linux', architecture: 's390x' } })] },
      indexType,
    )
    s.proxy.misbehave((_, path) => (path.endsWith(late) ? { status: 404 } : undefined))
    await s.notify({ repository: 'lib/a', tag: '1', digest, mediaType: indexType, at: 10 })
    expect(await s.rows.manifests()).toEqual({ [digest]: 'index', [child]: 'image', [late]: 'not-found' })
    expect(await s.rows.events()).toMatchObject([{ outcome: 'handled' }])
    s.proxy.misbehave(() => undefined)
    await s.notify({ repository: 'lib/a', tag: '2', digest, mediaType: indexType, at: 11 })
    expect(await s.rows.manifests()).toEqual({ [digest]: 'index', [child]: 'image', [late]: 'image' })
  })

  test('an inner index that is gone gives way to its leaves once it is there', async () => {
    const child = await s.image('lib/n', null, ['leaf'])
    const inner = await s.manifest('lib/n', null, { manifests: [s.entry(child)] }, indexType)
    const digest = await s.manifest('lib/n', '1', { manifests: [s.entry(inner)] }, indexType)
    s.proxy.misbehave((_, path) => (path.endsWith(inner) ? { status: 404 } : undefined))
    await s.notify({ repository: 'lib/n', tag: '1', digest, mediaType: indexType, at: 10 })
    expect(await s.rows.manifests()).toEqual({ [digest]: 'index', [inner]: 'not-found' })
    s.proxy.misbehave(() => undefined)
    await s.notify({ repository: 'lib/n', tag: '1', digest, mediaType: indexType, at: 11 })
    expect(await s.pg.db.indexEntry.findMany({ where: { indexDigest: digest } })).toMatchObject([
      { position: 0, manifestDigest: child, platform: 'linux/amd64' },
    ])
    expect(await s.rows.manifests()).toEqual({ [digest]: 'index', [inner]: 'index', [child]: 'image' })
  })

  const gone = `sha256:${'9'.repeat(64)}`
  test('a tag that vanished between event and fetch is a fact all the same', async () => {
    await s.notify({ repository: 'lib/a', tag: '1', digest: gone, at: 10 })
    expect(await s.rows.events()).toMatchObject([{ outcome: 'handled', reason: 'not-found' }])
    expect(await s.rows.spans()).toEqual([`lib/a:1 ${gone} 10-`])
    expect(await s.rows.manifests()).toEqual({ [gone]: 'not-found' })
  })

  test('a config that is no image config', async () => {
    const config = await s.blob('lib/a', 'application/vnd.oci.image.config.v1+json', '{"hello":1}')
    const digest = await s.manifest('lib/a', '1', { config, layers: [] })
    await s.notify({ repository: 'lib/a', tag: '1', digest, at: 10 })
    expect(await s.rows.events()).toMatchObject([{ outcome: 'handled', reason: 'bad-config' }])
    expect(await s.rows.manifests()).toEqual({ [digest]: 'bad-config' })
  })

  test('a config that is gone', async () => {
    const digest = await s.image('lib/a', '1', ['one'])
    s.proxy.misbehave((_, path) => (path.includes('/blobs/') ? { status: 404 } : undefined))
    await s.notify({ repository: 'lib/a', tag: '1', digest, at: 10 })
    expect(await s.rows.manifests()).toEqual({ [digest]: 'blob-not-found' })
  })

  test.each([
    [
      'a manifest that is not what its digest says',
      { status: 200, body: '{"config":{}}', headers: { 'content-type': 'application/json' } },
      'digest-mismatch',
    ],
    [
      'a manifest of 5 MB',
      { status: 200, body: ' '.repeat(5_000_000), headers: { 'content-type': 'application/json' } },
      'too-large',
    ],
  ])('%s: the event failed, and a replay mends it', async (_, answer, code) => {
    const digest = await s.image('lib/a', '1', ['one'])
    s.proxy.misbehave((__, path) => (path.includes('/manifests/') ? answer : undefined))
    await s.notify({ repository: 'lib/a', tag: '1', digest, at: 10 })
    const [event] = await s.rows.events()
    expect(event).toMatchObject({ outcome: 'failed', error: { code }, nextTryAt: null, handledAt: null })
    expect(await s.rows.spans()).toEqual([`lib/a:1 ${digest} 10-`])
    expect(await s.rows.manifests()).toEqual({ [digest]: code })
    s.proxy.misbehave(() => undefined)
    expect(await replay(s.d, event!.id)).toBe('replayed')
    await s.drain()
    expect(await s.rows.events()).toMatchObject([{ outcome: 'handled', error: null, reason: null }])
    expect(await s.rows.manifests()).toEqual({ [digest]: 'image' })
  })

  test.each([
    ['500', { status: 500 }, 'registry-error'],
    ['401', { status: 401 }, 'unauthorized'],
    ['429', { status: 429 }, 'rate-limited'],
    ['a broken connection', { status: 0 }, 'unreachable'],
  ])('a registry that answers %s: kept with its next try, and handled once it answers', async (_, answer, code) => {
    const digest = await s.image('lib/a', '1', ['one'])
    s.proxy.misbehave(() => answer)
    const before = Date.now()
    await s.notify({ repository: 'lib/a', tag: '1', digest, at: 10 })
    const [event] = await s.rows.events()
    expect(event).toMatchObject({ outcome: 'failed', attempts: 1, error: { code }, handledAt: null })
    expect(event!.nextTryAt!.getTime()).toBeGreaterThan(before)
    expect(event!.nextTryAt!.getTime()).toBeLessThan(Date.now() + 60_000)
    expect(await s.rows.manifests()).toEqual({})
    expect(await s.rows.jobs()).toEqual([`ingest ingest:${event!.id}`])
    s.proxy.misbehave(() => undefined)
    await s.pg.sql`update graphile_worker._private_jobs set run_at = now()`
    await s.drain()
    expect(await s.rows.events()).toMatchObject([{ outcome: 'handled', attempts: 2, error: null, nextTryAt: null }])
    expect(await s.rows.spans()).toEqual([`lib/a:1 ${digest} 10-`])
  })

  test('after hours of outage it still tries within a minute', async () => {
    const digest = await s.image('lib/a', '1', ['one'])
    s.proxy.misbehave(() => ({ status: 503 }))
    await s.notify({ repository: 'lib/a', tag: '1', digest, at: 10 })
    await s.pg.sql`update event set attempts = 500`
    await s.pg.sql`update graphile_worker._private_jobs set run_at = now()`
    await s.drain()
    const [event] = await s.rows.events()
    expect(event!.attempts).toBe(501)
    expect(event!.nextTryAt!.getTime()).toBeLessThan(Date.now() + 61_000)
  })
})
