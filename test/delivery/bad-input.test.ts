import { createHash } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { eventually } from '../../src/demo/watch.ts'
import { mediaTypes } from '../../src/oci/media-type.ts'
import { pushImage, pushManifest, startSmall, type TestRegistry } from '../support/registry.ts'
import { host, type Machine, openMachine } from './machine.ts'

let m: Machine
let registry: TestRegistry
beforeAll(async () => {
  m = await openMachine(() => new Date())
  registry = await startSmall({ endpoints: [m.hook] })
})
beforeEach(() => m.begin(registry.url, []))
afterAll(async () => {
  await registry.close()
  await m.close()
})

const sha = (text: string) => createHash('sha256').update(text).digest('hex')
const push = (repository: string, tag: string, layers: string[], more: Partial<Parameters<typeof pushImage>[1]> = {}) =>
  pushImage(registry.client, { repository, tag, layers, ...more })

/** Waits until the registry has told of so many pushes and all is handled and judged. */
async function told(events: number): Promise<void> {
  await eventually(`${events} events`, 90, async () => {
    const [row] = await m.pg.sql<{ count: number }[]>`select count(*)::int as count from event`
    return row!.count >= events ? true : null
  })
  await m.drain()
  await m.refresh()
}
/** `repository:tag` → its status, and the bases that make it outdated. */
async function verdicts(): Promise<Record<string, string>> {
  const rows = await m.pg.sql<{ ref: string; verdict: string }[]>`
    select ref, concat_ws(' ', status, (select string_agg(c.base, ' ' order by c.base) from cause c where c.tag_id = tag.id)) as verdict
    from tag order by ref`
  return Object.fromEntries(
    rows.map(({ ref, verdict }) => [ref.slice(host.length + 1), verdict.replaceAll(`${host}/`, '')]),
  )
}
const outcomes = async () =>
  (
    await m.pg.sql<{ text: string }[]>`select concat_ws(' ', outcome, reason) as text from event order by at, event_id`
  ).map((row) => row.text)
/** Tells of a push that no registry would have taken. */
const tell = async (target: object) => {
  const event = { id: sha(JSON.stringify(target)), timestamp: new Date().toISOString(), action: 'push', target }
  const answer = await fetch(m.hook.url, {
    method: 'POST',
    headers: { authorization: `Bearer ${m.hook.token}` },
    body: JSON.stringify({ events: [event] }),
  })
  expect(answer.status).toBe(202)
}

describe('127 layers', () => {
  const layers = Array.from({ length: 127 }, (_, i) => `layer ${i}`)

  test('an image of 127 layers on one of 126 is outdated when that moves, and so is one on any layer below', async () => {
    const low = await push('deep/low', '1', layers.slice(0, 60))
    const base = await push('deep/base', '1', layers.slice(60, 126), { base: low })
    await push('deep/app', '1', layers.slice(126), { base })
    await told(3)
    expect(await verdicts()).toEqual({ 'deep/app:1': 'current', 'deep/base:1': 'current', 'deep/low:1': 'current' })
    await push('deep/low', '1', ['other'])
    await told(4)
    expect(await verdicts()).toMatchObject({
      'deep/app:1': 'outdated deep/low:1',
      'deep/base:1': 'outdated deep/low:1',
      'deep/low:1': 'current',
    })
    await push('deep/base', '1', ['yet another'])
    await told(5)
    expect(await verdicts()).toMatchObject({ 'deep/app:1': 'outdated deep/base:1', 'deep/base:1': 'current' })
  })
})

describe('a history that does not match its layers', () => {
  const lines = (n: number) => Array.from({ length: n }, (_, i) => ({ created_by: `RUN ${i}` }))

  test.each([
    ['more steps than layers', lines(5)],
    ['fewer steps than layers', []],
    ['every step empty', [{ created_by: 'ENV A=1', empty_layer: true }]],
    ['none at all', null],
  ])('%s: judged by its diffIDs', async (_, history) => {
    const base = await push('odd/base', '1', ['os'])
    await push('odd/app', '1', ['app'], { base, history })
    await push('odd/other', '1', ['not the os', 'app'], { history })
    await told(3)
    expect(await outcomes()).toEqual(['handled', 'handled', 'handled'])
    await push('odd/base', '1', ['os 2'])
    await told(4)
    expect(await verdicts()).toEqual({
      'odd/app:1': 'outdated odd/base:1',
      'odd/base:1': 'current',
      'odd/other:1': 'current',
    })
  })

  test('as many diffIDs as layers there are not: the event says layers-mismatch, and the tag is unknown', async () => {
    const good = await push('odd/base', '1', ['os'])
    const config = { mediaType: mediaTypes.ociConfig, digest: good.configDigest, size: 1 }
    const manifest = {
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      config,
      layers: [...good.layers, ...good.layers],
    }
    await pushManifest(registry.client, 'odd/base', 'twice', manifest, mediaTypes.ociManifest)
    await told(2)
    expect(await outcomes()).toEqual(['handled', 'handled layers-mismatch'])
    await push('odd/base', '1', ['os 2'])
    await told(3)
    expect(await verdicts()).toEqual({ 'odd/base:1': 'current', 'odd/base:twice': 'unknown' })
  })
})

describe('names', () => {
  test('a tag named like a digest is a tag', async () => {
    const base = await push('like/base', '1', ['os'])
    const hex = base.manifestDigest.slice('sha256:'.length)
    await push('like/app', '1', ['app'], { base })
    for (const tag of [`sha256-${hex}`, hex]) await push('like/base', tag, ['something else'])
    await told(4)
    for (const tag of [`sha256-${hex}`, hex]) await push('like/base', tag, ['something else again'])
    await told(6)
    expect(await verdicts()).toEqual({
      'like/app:1': 'current',
      'like/base:1': 'current',
      [`like/base:sha256-${hex}`]: 'current',
      [`like/base:${hex}`]: 'current',
    })
    await tell({
      mediaType: mediaTypes.ociManifest,
      digest: base.manifestDigest,
      repository: 'like/base',
      tag: base.manifestDigest,
    })
    await told(7)
    expect((await outcomes()).filter((text) => text !== 'handled')).toEqual(['ignored bad-tag'])
    expect(Object.keys(await verdicts())).toHaveLength(4)
  })

  test('repositories of 255 characters and tags of 128 are names like any other; longer ones are refused', async () => {
    const long = (start: string, length: number) => `${start}/${'n'.repeat(length - start.length - 1)}`
    const [base, app] = [long('base', 255), long('app', 255)]
    const tag = 't'.repeat(128)
    const made = await push(base, tag, ['os'])
    await push(app, tag, ['app'], { base: made })
    await push(base, tag, ['os 2'])
    await told(3)
    expect(await verdicts()).toEqual({ [`${app}:${tag}`]: `outdated ${base}:${tag}`, [`${base}:${tag}`]: 'current' })
    const { manifestDigest: digest, mediaType } = made
    await tell({ mediaType, digest, repository: long('base', 256), tag })
    await tell({ mediaType, digest, repository: base, tag: `${tag}t` })
    await told(5)
    expect((await outcomes()).slice(3)).toEqual(['ignored bad-repository', 'ignored bad-tag'])
    expect(Object.keys(await verdicts())).toHaveLength(2)
  })

  test('unicode is no name, and is content like any other', async () => {
    const odd = 'Grüße 🐳 \u0000 \u202e \ud800 שלום'
    const config = { Env: [`NAME=${odd}`], Labels: { [odd]: odd } }
    const base = await push('plain/base', '1', [odd], { config, history: [{ created_by: odd }] })
    const annotations = { 'org.opencontainers.image.base.name': odd, [odd]: odd }
    await push('plain/app', '1', ['app'], { base, annotations })
    await told(2)
    expect(await verdicts()).toEqual({ 'plain/app:1': 'current', 'plain/base:1': 'current' })
    const { manifestDigest: digest, mediaType } = base
    await tell({ mediaType, digest, repository: 'plàin/base', tag: '1' })
    await tell({ mediaType, digest, repository: 'plain/base', tag: odd })
    await told(4)
    expect((await outcomes()).slice(2)).toEqual(['ignored bad-repository', 'ignored bad-tag'])
    await push('plain/base', '1', ['os 2'])
    await told(5)
    expect(await verdicts()).toEqual({ 'plain/app:1': 'outdated plain/base:1', 'plain/base:1': 'current' })
  })
})
