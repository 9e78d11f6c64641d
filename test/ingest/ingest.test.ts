import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { replay } from '../../src/inbox/replay.ts'
import { indexType, openStage, type Stage } from './stage.ts'

let s: Stage
beforeAll(async () => {
  s = await openStage()
})
beforeEach(() => s.clear())
afterAll(() => s.close())

const unknown = { os: 'unknown', architecture: 'unknown' }
const amd64 = { os: 'linux', architecture: 'amd64' }

describe('a push', () => {
  test('of an image: content, tag, declarations', async () => {
    const digest = await s.image('lib/a', '1', ['one', 'two'], {
      annotations: { 'org.opencontainers.image.base.name': 'debian:12' },
      config: { config: { Labels: { 'org.opencontainers.image.base.name': 'debian:11' } } },
    })
    await s.notify({ repository: 'lib/a', tag: '1', digest, at: 10 })
    expect(await s.rows.events()).toMatchObject([
      { outcome: 'handled', reason: null, attempts: 1, handledAt: expect.any(Date) },
    ])
    expect(await s.pg.db.manifest.findMany()).toMatchObject([
      {
        digest,
        kind: 'image',
        layerCount: 2,
        historyAccounts: true,
        platform: 'linux/amd64',
        firstPushAt: 10_000_000_000n,
      },
    ])
    expect(await s.rows.spans()).toEqual([`lib/a:1 ${digest} 10-`])
    expect(await s.pg.db.declaration.findMany({ orderBy: { evidence: 'asc' } })).toMatchObject([
      { evidence: 'annotation', name: 'docker.io/library/debian:12', role: 'runtime' },
      { evidence: 'label', name: 'docker.io/library/debian:11', role: 'runtime' },
    ])
  })

  test('of what is known already asks the registry for nothing', async () => {
    const digest = await s.image('lib/a', '1', ['one'])
    await s.notify({ repository: 'lib/a', tag: '1', digest, at: 10 })
    s.proxy.asked.clear()
    await s.notify({ repository: 'lib/a', tag: '2', digest, at: 11 })
    expect([...s.proxy.asked.keys()]).toEqual([])
    expect(await s.rows.spans()).toEqual([`lib/a:1 ${digest} 10-`, `lib/a:2 ${digest} 11-`])
  })

  test('of an index: its platforms, its attestation, and what that declares', async () => {
    const child = await s.image('lib/a', null, ['one', 'two'])
    const other = await s.image('lib/a', null, ['uno'], { config: { architecture: 'arm64', variant: 'v8' } })
    const purl = 'pkg:docker/localhost%3A5000/lib/base@1?platform=linux%2Famd64'
    const statement = await s.blob('lib/a', 'application/vnd.in-toto+json', {
      predicateType: 'https://slsa.dev/provenance/v1',
      subject: [{ digest: { sha256: child.slice(7) } }],
      predicate: { buildDefinition: { resolvedDependencies: [{ uri: purl, digest: { sha256: 'b'.repeat(64) } }] } },
    })
    const empty = await s.blob('lib/a', 'application/vnd.oci.empty.v1+json', '{}')
    const attestation = await s.manifest('lib/a', null, { config: empty, layers: [statement] })
    const digest = await s.manifest(
      'lib/a',
      '1',
      {
        manifests: [
          s.entry(child, { platform: amd64 }),
          s.entry(other),
          s.entry(attestation, { platform: unknown, annotations: { 'vnd.docker.reference.digest': child } }),
        ],
      },
      indexType,
    )
    await s.notify({ repository: 'lib/a', tag: '1', digest, mediaType: indexType, at: 10 })
    expect(await s.rows.manifests()).toMatchObject({
      [digest]: 'index',
      [child]: 'image',
      [other]: 'image',
      [attestation]: 'artifact',
    })
    expect(await s.pg.db.indexEntry.findMany({ orderBy: { position: 'asc' } })).toMatchObject([
      { manifestDigest: child, platform: 'linux/amd64', attestation: false },
      { manifestDigest: other, platform: 'linux/arm64', attestation: false },
      { manifestDigest: attestation, platform: null, attestation: true, attests: child },
    ])
    expect(await s.pg.db.declaration.findMany()).toMatchObject([
      {
        subject: child,
        evidence: 'provenance',
        source: statement.digest,
        name: 'localhost:5000/lib/base:1',
        digest: `sha256:${'b'.repeat(64)}`,
        platform: 'linux/amd64',
        role: null,
      },
    ])
    const firsts = await s.pg.sql`select distinct first_push_at from manifest where kind <> 'absent'`
    expect(firsts).toMatchObject([{ firstPushAt: 10_000_000_000n }])
  })

  test('of an index inside an index: the outer one has the leaves', async () => {
    const child = await s.image('lib/a', null, ['one'])
    const inner = await s.manifest('lib/a', null, { manifests: [s.entry(child, { platform: amd64 })] }, indexType)
    const digest = await s.manifest('lib/a', '1', { manifests: [s.entry(inner)] }, indexType)
    await s.notify({ repository: 'lib/a', tag: '1', digest, mediaType: indexType, at: 10 })
    expect(await s.pg.db.indexEntry.findMany({ where: { indexDigest: digest } })).toMatchObject([
      { manifestDigest: child, platform: 'linux/amd64' },
    ])
    expect(await s.rows.manifests()).toMatchObject({ [inner]: 'index', [digest]: 'index' })
  })

  test('of an artifact: recorded, without lineage', async () => {
    const config = await s.blob('charts/a', 'application/vnd.cncf.helm.config.v1+json', '{}')
    const digest = await s.manifest('charts/a', '1', { config, layers: [] })
    await s.notify({ repository: 'charts/a', tag: '1', digest, at: 10 })
    expect(await s.pg.db.manifest.findMany()).toMatchObject([
      {
        digest,
        kind: 'artifact',
        artifactType: 'application/vnd.cncf.helm.config.v1+json',
        configDigest: config.digest,
      },
    ])
  })
})

describe('a delete', () => {
  test('2.8: by digest, then an event for each tag', async () => {
    const digest = await s.image('lib/a', '1', ['one'])
    const push = (tag: string, at: number) => ({ repository: 'lib/a', tag, digest, at })
    await s.notify(push('1', 10), push('2', 11))
    await s.notify({ action: 'delete', repository: 'lib/a', digest, mediaType: '', at: 12 })
    await s.notify({ action: 'delete', repository: 'lib/a', tag: '1', digest: '', mediaType: '', at: 12.5 })
    expect(await s.rows.spans()).toEqual([`lib/a:1 ${digest} 10-12`, `lib/a:2 ${digest} 11-12`])
    expect(await s.rows.heads()).toEqual({ 'lib/a:1': null, 'lib/a:2': null })
  })

  test('3.1: of a tag, told before its push', async () => {
    const digest = await s.image('lib/a', '1', ['one'])
    await s.notify({ action: 'delete', repository: 'lib/a', tag: '1', digest: '', mediaType: '', at: 12 })
    expect(await s.rows.heads()).toEqual({})
    await s.notify({ repository: 'lib/a', tag: '1', digest, at: 10 })
    expect(await s.rows.spans()).toEqual([`lib/a:1 ${digest} 10-12`])
  })
})

describe('a declared base', () => {
  const base = { 'org.opencontainers.image.base.name': 'localhost:5000/lib/base:1' }

  test('that overtook its event is asked for', async () => {
    const old = await s.image('lib/base', null, ['zero'])
    const head = await s.image('lib/base', '1', ['one'])
    const digest = await s.image('app/a', '1', ['one', 'two'], {
      annotations: { ...base, 'org.opencontainers.image.base.digest': old },
    })
    await s.notify({ repository: 'app/a', tag: '1', digest, at: 10 })
    expect(await s.rows.heads()).toEqual({ 'app/a:1': digest, 'lib/base:1': head })
    expect(await s.rows.manifests()).toEqual({ [digest]: 'image', [head]: 'image', [old]: 'image' })
    expect(
      await s.pg
        .sql`select first_push_at, first_seen_at is null as unseen from manifest where digest in (${old}, ${head})`,
    ).toMatchObject([
      { firstPushAt: null, unseen: false },
      { firstPushAt: null, unseen: false },
    ])
  })

  test('that the registry does not have is remembered as absent', async () => {
    const gone = `sha256:${'8'.repeat(64)}`
    const digest = await s.image('app/b', '1', ['x'], {
      annotations: {
        'org.opencontainers.image.base.name': 'localhost:5000/no/base:1',
        'org.opencontainers.image.base.digest': gone,
      },
    })
    await s.notify({ repository: 'app/b', tag: '1', digest, at: 10 })
    expect(await s.rows.heads()).toEqual({ 'app/b:1': digest, 'no/base:1': null })
    expect(await s.rows.manifests()).toEqual({ [digest]: 'image', [gone]: 'not-found' })
    expect(await s.pg.sql`select first_seen_at from manifest where digest = ${gone}`).toMatchObject([
      { firstSeenAt: null },
    ])
  })
})

test('an event is replayed only where there is something to handle', async () => {
  const nobody = '00000000-0000-4000-8000-000000000000'
  expect(await replay(s.d, nobody)).toBe('not-found')
  expect(await replay(s.d, 'x')).toBe('not-found')
  await s.notify({ repository: 'lib/a', tag: '1', digest: 'bad', at: 10 })
  const [event] = await s.rows.events()
  expect(await replay(s.d, event!.id)).toBe('not-replayable')
})
