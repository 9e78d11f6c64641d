import { readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { judgeEvent, parseEnvelope, type Verdict } from '../../src/webhook/envelope.ts'

const digest = `sha256:${'a'.repeat(64)}`
const manifest = 'application/vnd.oci.image.manifest.v1+json'
const event = (action: string, target: object, more: object = {}) => ({
  id: 'e-1',
  timestamp: '2026-11-21T02:57:42.791564102Z',
  action,
  target: { mediaType: manifest, digest, repository: 'lib/base', tag: '1', ...target },
  actor: { name: 'ci' },
  ...more,
})
const said = (verdict: Verdict) => (verdict.kind === 'ignored' ? verdict.reason : verdict.kind)

describe('judgeEvent', () => {
  test.each<[string, unknown, string]>([
    ['a push of a tag', event('push', {}), 'handled'],
    ['a push by digest', event('push', { tag: undefined }), 'handled'],
    ['a push of an index', event('push', { mediaType: 'application/vnd.oci.image.index.v1+json', tag: '' }), 'handled'],
    ['a media type with parameters', event('push', { mediaType: `${manifest}; charset=utf-8`, tag: '' }), 'handled'],
    [
      'schema 1',
      event('push', { mediaType: 'application/vnd.docker.distribution.manifest.v1+prettyjws', tag: '' }),
      'handled',
    ],
    ['a config', event('push', { mediaType: 'application/vnd.oci.image.config.v1+json', tag: '' }), 'irrelevant'],
    ['a tag on a type we never saw', event('push', { mediaType: 'x/y' }), 'handled'],
    ['a tag and no media type', event('push', { mediaType: '' }), 'handled'],
    ['2.8: a delete by digest', event('delete', { mediaType: undefined, tag: undefined }), 'handled'],
    ['2.8: the delete of a tag that follows', event('delete', { mediaType: undefined, digest: '' }), 'handled'],
    ['3.1: the delete of a tag', event('delete', { mediaType: '', digest: '' }), 'handled'],
    ['a blob', event('push', { mediaType: 'application/octet-stream', tag: undefined }), 'irrelevant'],
    ['a pull', event('pull', {}), 'irrelevant'],
    ['a mount', event('mount', { mediaType: 'application/octet-stream', tag: undefined }), 'irrelevant'],
    ['a strange action on a manifest', event('sign', {}), 'unknown-action'],
    ['no repository', event('push', { repository: null }), 'no-repository'],
    ['a path as repository', event('push', { repository: '../etc' }), 'bad-repository'],
    ['a bad tag', event('push', { tag: 'a b' }), 'bad-tag'],
    ['what a build of ours stages', event('push', { tag: '1.drydock-linux-arm64' }), 'staging-tag'],
    ['a push without digest', event('push', { digest: undefined }), 'no-digest'],
    ['a digest that is none', event('push', { digest: 'sha256:abc' }), 'bad-digest'],
    ['neither tag nor media type', event('push', { tag: undefined, mediaType: undefined }), 'no-media-type'],
    [
      'a repository goes',
      event('delete', { tag: undefined, digest: undefined, mediaType: undefined }),
      'repository-delete',
    ],
    ['no time', event('push', {}, { timestamp: 'yesterday' }), 'bad-timestamp'],
    ['a time beyond 64 bits', event('push', {}, { timestamp: '9999-12-31T00:00:00Z' }), 'bad-timestamp'],
    ['a text', 'push', 'not-an-event'],
    ['null', null, 'not-an-event'],
    ['no target', { id: 'e', action: 'push', timestamp: '2026-11-21T02:57:42Z' }, 'no-repository'],
  ])('%s', (_, raw, expected) => {
    expect(said(judgeEvent(raw))).toBe(expected)
  })

  test('keeps nanoseconds, and what the registry calls the event', () => {
    const verdict = judgeEvent(event('push', {}))
    expect(verdict).toEqual({
      kind: 'handled',
      event: {
        eventId: 'e-1',
        action: 'push',
        repository: 'lib/base',
        tag: '1',
        digest,
        mediaType: manifest,
        at: 1795229862791564102n,
        actor: 'ci',
      },
    })
  })

  test.each([undefined, '', 'x'.repeat(3000), 7])('an id that cannot be one (%p) gives way to a hash', (id) => {
    const once = judgeEvent(event('push', {}, { id }))
    expect(once).toMatchObject({ event: { eventId: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) } })
    expect(judgeEvent(event('push', {}, { id }))).toEqual(once)
    expect(judgeEvent(event('push', { tag: '2' }, { id }))).not.toEqual(once)
  })

  test('whatever is in it, every text can be stored', () => {
    const nasty = event(
      'push',
      { repository: 'r\0', tag: '\0', mediaType: '', digest: `${'x'.repeat(9999)}\0` },
      { actor: { name: '\0a' } },
    )
    const verdict = judgeEvent(nasty)
    expect(JSON.stringify(verdict, (_, v) => (typeof v === 'bigint' ? `${v}` : v))).not.toContain('\\u0000')
    expect(verdict).toMatchObject({ event: { repository: 'r', tag: null, actor: 'a' } })
  })

  test('what is nested deeper than can be written is an event of its own, and costs none beside it', () => {
    const deep = (repository: string) =>
      `{"action":"push","target":{"repository":"${repository}"},"more":${'['.repeat(20_000)}${']'.repeat(20_000)}}`
    const body = `{"events":[${deep('a')},${deep('b')},${'['.repeat(20_000)}${']'.repeat(20_000)},${JSON.stringify(event('push', {}))}]}`
    const verdicts = parseEnvelope(Buffer.from(body))!
    const kinds = verdicts.map((verdict) => ('reason' in verdict ? verdict.reason : verdict.kind))
    expect(kinds).toEqual(['no-digest', 'no-digest', 'not-an-event', 'handled'])
    const ids = verdicts.map((verdict) => 'event' in verdict && verdict.event.eventId)
    expect(new Set(ids).size).toBe(4)
  })

  test('never throws', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => ['handled', 'ignored', 'irrelevant'].includes(judgeEvent(value).kind)),
    )
  })
})

describe('parseEnvelope', () => {
  const envelope = (...events: unknown[]) => parseEnvelope(Buffer.from(JSON.stringify({ events })))

  test('one bad event costs none of the others', () => {
    expect(envelope(event('push', {}), null, event('push', { digest: '' }), event('delete', {}))?.map(said)).toEqual([
      'handled',
      'not-an-event',
      'no-digest',
      'handled',
    ])
  })

  test.each([
    ['no JSON', 'x'],
    ['no envelope', '{"event":[]}'],
    ['a list', '[]'],
    ['events that are none', '{"events":{}}'],
    ['nothing', ''],
  ])('%s is no envelope', (_, body) => {
    expect(parseEnvelope(Buffer.from(body))).toBeNull()
  })

  test('an empty envelope is one', () => {
    expect(envelope()).toEqual([])
  })

  const bodies = (name: string) =>
    readFileSync(new URL(`../fixtures/${name}`, import.meta.url), 'utf8')
      .trim()
      .split('\n')
      .map((line) => Buffer.from(JSON.stringify(JSON.parse(line).body)))

  test('of what registry 2.8 sent for 36 pushes, 36 events matter', () => {
    const verdicts = bodies('family/notifications.jsonl').flatMap((body) => parseEnvelope(body)!)
    expect(verdicts.filter((v) => v.kind === 'handled')).toHaveLength(36)
    expect(verdicts.filter((v) => v.kind === 'ignored')).toHaveLength(0)
  })

  test('registry 3.1: a push and the delete of its tag', () => {
    const verdicts = bodies('notifications-distribution-3.1.jsonl').flatMap((body) => parseEnvelope(body)!)
    expect(verdicts.filter((v) => v.kind === 'handled').map((v) => v.event)).toMatchObject([
      { action: 'push', repository: 'app/grand', tag: '1', digest: expect.stringContaining('sha256:') },
      { action: 'delete', repository: 'app/grand', tag: '1', digest: null },
    ])
  })
})
