import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { reconcile } from '../../src/inbox/reconcile.ts'
import { familyHost } from '../support/family.ts'
import { indexType, openStage, type Stage } from './stage.ts'

const base = 'localhost:5000/lib/base:1'
const inToto = 'application/vnd.in-toto+json'
const dsse = 'application/vnd.dsse.envelope.v1+json'
const slsa = 'https://slsa.dev/provenance/v1'

/** A statement about `subjects` that names the base. */
const statement = (subjects: string[], more: object = {}) => ({
  predicateType: slsa,
  subject: subjects.map((digest) => ({ name: 'x', digest: { sha256: digest.slice(7) } })),
  predicate: {
    buildDefinition: {
      resolvedDependencies: [{ uri: 'pkg:docker/localhost%3A5000/lib/base@1', digest: { sha256: 'b'.repeat(64) } }],
    },
  },
  ...more,
})
const enveloped = (body: object) => ({
  payloadType: inToto,
  payload: Buffer.from(JSON.stringify(body)).toString('base64'),
  signatures: [],
})

/** Pushes artifacts that hold statements. */
const pushing = (s: Stage) => ({
  /** An attestation of an image, as `oras attach` or BuildKit push one; not told to anybody. */
  async attach(
    repository: string,
    subject: string | null,
    body: object | string,
    more: { tag?: string; layerType?: string; artifactType?: string; annotations?: object } = {},
  ): Promise<string> {
    const config = await s.blob(repository, 'application/vnd.oci.empty.v1+json', '{}')
    const layer = await s.blob(repository, more.layerType ?? inToto, body)
    return s.manifest(repository, more.tag ?? null, {
      artifactType: more.artifactType ?? inToto,
      config,
      layers: [{ ...layer, ...(more.annotations ? { annotations: more.annotations } : {}) }],
      ...(subject === null ? {} : { subject: { digest: subject, size: 1, mediaType: 'x' } }),
    })
  },
  /** cosign's: DSSE layers under an image config, in a tag that names the digest, without a subject. */
  async cosign(repository: string, subject: string, bodies: object[]): Promise<string> {
    const config = await s.blob(repository, 'application/vnd.oci.image.config.v1+json', '{"rootfs":{"diff_ids":[]}}')
    const layers = []
    for (const body of bodies)
      layers.push({ ...(await s.blob(repository, dsse, enveloped(body))), annotations: { predicateType: slsa } })
    return s.manifest(repository, `${subject.replace(':', '-')}.att`, { config, layers })
  },
  declared: async () =>
    (
      await s.pg.sql<{ said: string }[]>`
        select subject || ' ' || evidence || ' ' || coalesce(name, '-') as said from declaration order by 1`
    ).map((row) => row.said),
  dirty: async () =>
    (await s.pg.sql<{ key: string }[]>`select key from dirty where kind = 'manifest'`).map((r) => r.key),
})

describe('a registry with the referrers API', () => {
  let s: Stage
  let p: ReturnType<typeof pushing>
  beforeAll(async () => {
    s = await openStage(null, { referrers: true })
    p = pushing(s)
  })
  beforeEach(() => s.clear())
  afterAll(() => s.close())

  test('provenance whose event was lost is found when the image is learnt; SBOMs are left alone', async () => {
    const digest = await s.image('app/a', '1', ['a'])
    const attestation = await p.attach('app/a', digest, statement([digest]))
    const sbom = await p.attach('app/a', digest, { spdxVersion: 'x' }, { artifactType: 'application/spdx+json' })
    await s.notify({ repository: 'app/a', tag: '1', digest, at: 10 })
    expect(await p.declared()).toEqual([`${digest} provenance ${base}`])
    expect(await s.rows.manifests()).toMatchObject({ [digest]: 'image', [attestation]: 'artifact' })
    expect(await s.rows.manifests()).not.toHaveProperty(sbom)
    expect(await s.pg.sql`select first_push_at from manifest where digest = ${attestation}`).toEqual([
      { firstPushAt: null },
    ])
  })

  test('of an index, and of its platforms', async () => {
    const child = await s.image('app/i', null, ['i'])
    const digest = await s.manifest('app/i', '1', { manifests: [s.entry(child)] }, indexType)
    await p.attach('app/i', digest, statement([digest]))
    await p.attach('app/i', child, enveloped(statement([child])), { layerType: dsse, artifactType: dsse })
    await s.notify({ repository: 'app/i', tag: '1', digest, mediaType: indexType, at: 10 })
    expect(await p.declared()).toEqual([child, digest].sort().map((subject) => `${subject} provenance ${base}`))
  })

  test('one that is listed and gone is passed over', async () => {
    const digest = await s.image('app/g', '1', ['g'])
    const gone = await p.attach('app/g', digest, statement([digest]))
    s.proxy.misbehave((_, path) => (path.endsWith(`manifests/${gone}`) ? { status: 404 } : undefined))
    await s.notify({ repository: 'app/g', tag: '1', digest, at: 10 })
    expect(await s.rows.manifests()).toMatchObject({ [digest]: 'image', [gone]: 'not-found' })
    expect(await s.rows.events()).toMatchObject([{ outcome: 'handled', reason: null }])
  })
})

describe('a registry without it', () => {
  let s: Stage
  let p: ReturnType<typeof pushing>
  beforeAll(async () => {
    s = await openStage()
    p = pushing(s)
  })
  beforeEach(() => s.clear())
  afterAll(() => s.close())

  test('is asked for referrers once, however much is learnt', async () => {
    const events = []
    for (let i = 0; i < 5; i++) {
      const digest = await s.image('lib/many', String(i), [`many ${i}`])
      events.push({ repository: 'lib/many', tag: String(i), digest, at: 10 + i })
    }
    await s.notify(...events)
    expect([...s.proxy.asked.keys()].filter((asked) => asked.includes('/referrers/')).length).toBeLessThanOrEqual(1)
  })

  test.each([
    ['after its image', false],
    ['before it', true],
  ])('an attestation with a subject that is pushed %s speaks of it', async (_, first) => {
    const digest = await s.image('app/s', '1', ['s'])
    const attestation = await p.attach('app/s', digest, statement([digest]))
    const events = [
      { repository: 'app/s', tag: '1', digest, at: 10 },
      { repository: 'app/s', digest: attestation, at: 11 },
    ]
    for (const event of first ? events.reverse() : events) await s.notify(event)
    expect(await p.declared()).toEqual([`${digest} provenance ${base}`])
    expect(await p.dirty()).toContain(digest)
  })

  test('the base it names is asked for once a tag points at what it speaks of, and not before', async () => {
    const asked = () => [...s.proxy.asked.keys()].filter((path) => path.includes('/lib/base/')).length
    const digest = await s.image('app/t', '1', ['t'])
    const attestation = await p.attach('app/t', digest, statement([digest]))
    await s.notify({ repository: 'app/t', digest: attestation, at: 10 }, { repository: 'app/t', digest, at: 11 })
    expect([await p.declared(), asked()]).toEqual([[`${digest} provenance ${base}`], 0])
    await s.notify({ repository: 'app/t', tag: '1', digest, at: 12 })
    expect(asked()).toBeGreaterThan(0)
    s.proxy.asked.clear()
    await s.notify({ repository: 'app/t', tag: '1', digest, at: 13 })
    expect(asked()).toBe(0)
  })

  test("the fallback tag's index: what it lists speaks of its subject, and the tag has no lineage", async () => {
    const digest = await s.image('app/f', '1', ['f'])
    const attestation = await p.attach('app/f', digest, statement([digest]))
    const tag = digest.replace(':', '-')
    const index = await s.manifest(
      'app/f',
      tag,
      { manifests: [s.entry(attestation, { artifactType: inToto })] },
      indexType,
    )
    await s.notify({ repository: 'app/f', tag: '1', digest, at: 10 })
    expect(await p.declared()).toEqual([])
    await s.notify({ repository: 'app/f', tag, digest: index, mediaType: indexType, at: 11 })
    expect(await p.declared()).toEqual([`${digest} provenance ${base}`])
    expect(await s.rows.manifests()).toMatchObject({ [index]: 'index', [attestation]: 'artifact' })
    expect(await s.pg.sql`select platform from index_entry where index_digest = ${index}`).toEqual([{ platform: null }])
  })

  test('both are found by reconcile too', async () => {
    const digest = await s.image('app/r', '1', ['r'])
    const attestation = await p.attach('app/r', digest, statement([digest]))
    const other = await s.image('app/r', '2', ['r', '2'])
    await s.manifest('app/r', digest.replace(':', '-'), { manifests: [s.entry(attestation)] }, indexType)
    await p.cosign('app/r', other, [statement([other])])
    await s.pg.sql`insert into registry (name) values (${familyHost}) on conflict do nothing`
    await reconcile(s.d, { registry: familyHost })
    expect(await p.declared()).toEqual(
      expect.arrayContaining([digest, other].map((subject) => `${subject} provenance ${base}`)),
    )
  })

  test("cosign's .att tag: each of its envelopes speaks of the digest in it", async () => {
    const digest = await s.image('app/c', '1', ['c'])
    const attestation = await p.cosign('app/c', digest, [
      statement([digest]),
      statement([digest], { predicate: { materials: [{ uri: 'pkg:docker/debian@12' }] } }),
    ])
    await s.notify({ repository: 'app/c', tag: `${digest.replace(':', '-')}.att`, digest: attestation, at: 11 })
    expect(await p.declared()).toEqual([
      `${digest} provenance docker.io/library/debian:12`,
      `${digest} provenance ${base}`,
    ])
    expect(await s.rows.manifests()).toMatchObject({ [attestation]: 'artifact' })
  })

  test('a bare statement without a subject speaks of nothing until an index lists it beside what it names', async () => {
    const digest = await s.image('app/b', null, ['b'])
    const attestation = await p.attach('app/b', null, statement([digest, `sha256:${'6'.repeat(64)}`]))
    await s.notify({ repository: 'app/b', digest: attestation, at: 10 })
    expect(await p.declared()).toEqual([])
    const entries = [s.entry(digest), s.entry(attestation, { platform: { os: 'unknown', architecture: 'unknown' } })]
    const index = await s.manifest('app/b', '1', { manifests: entries }, indexType)
    await s.notify({ repository: 'app/b', tag: '1', digest: index, mediaType: indexType, at: 11 })
    expect(await p.declared()).toEqual([`${digest} provenance ${base}`])
    expect(await s.pg.sql`select attests from index_entry where attestation`).toEqual([{ attests: digest }])
  })

  test('where an image was built from is kept with it', async () => {
    const digest = await s.image('app/o', '1', ['o'])
    const uri = 'https://me:secret@git.io/o/r.git#refs/heads/main'
    const body = statement([digest], {
      predicate: {
        invocation: { configSource: { uri, digest: { sha1: 'a'.repeat(40) }, entryPoint: 'x/Dockerfile' } },
      },
    })
    const attestation = await p.attach('app/o', digest, body)
    await s.notify({ repository: 'app/o', digest: attestation, at: 11 })
    expect(await s.pg.db.origin.findMany()).toMatchObject([
      {
        subject: digest,
        evidence: 'provenance',
        url: 'https://git.io/o/r.git#refs/heads/main',
        revision: 'a'.repeat(40),
        dockerfile: 'x/Dockerfile',
      },
    ])
  })

  describe('what says nothing: the reason is kept, and nothing is declared', () => {
    const other = `sha256:${'7'.repeat(64)}`
    test.each<[string, (digest: string) => Promise<string>, string]>([
      [
        'another predicate',
        (d) => p.attach('app/x', d, statement([d], { predicateType: 'https://x.io/v1' })),
        'other-predicate',
      ],
      [
        'another predicate by its annotation',
        (d) =>
          p.attach('app/x', d, '{"s":1}', {
            annotations: { 'in-toto.io/predicate-type': 'https://spdx.dev/Document' },
          }),
        'other-predicate',
      ],
      ['no subject anywhere', () => p.attach('app/x', null, statement([])), 'no-subject'],
      ['a subject that is not its own', (d) => p.attach('app/x', d, statement([other])), 'other-subject'],
      ['no JSON', (d) => p.attach('app/x', d, 'no statement'), 'bad-statement'],
      ['no statement', (d) => p.attach('app/x', d, '[1,2]'), 'bad-statement'],
      ['a predicate that is none', (d) => p.attach('app/x', d, statement([d], { predicate: 'x' })), 'bad-statement'],
      ['an envelope of nothing', (d) => p.attach('app/x', d, { payloadType: 'x', payload: '%' }), 'bad-statement'],
    ])('%s', async (_, push, fault) => {
      const digest = await s.image('app/x', '1', ['x'])
      const attestation = await push(digest)
      await s.notify(
        { repository: 'app/x', tag: '1', digest, at: 10 },
        { repository: 'app/x', digest: attestation, at: 11 },
      )
      expect(await s.rows.manifests()).toEqual({ [digest]: 'image', [attestation]: fault })
      expect(await s.rows.events()).toMatchObject([
        { outcome: 'handled', reason: null },
        { outcome: 'handled', reason: fault },
      ])
      expect(await p.declared()).toEqual([])
      expect(await s.pg.sql`select kind from manifest where digest = ${attestation}`).toEqual([{ kind: 'artifact' }])
    })

    test('a statement that an index attaches to another digest', async () => {
      const digest = await s.image('app/y', null, ['y'])
      const attestation = await p.attach('app/y', null, statement([other]))
      const reference = { 'vnd.docker.reference.type': 'attestation-manifest', 'vnd.docker.reference.digest': digest }
      const entries = [s.entry(digest), s.entry(attestation, { annotations: reference })]
      const index = await s.manifest('app/y', '1', { manifests: entries }, indexType)
      await s.notify({ repository: 'app/y', tag: '1', digest: index, mediaType: indexType, at: 10 })
      expect(await s.rows.manifests()).toMatchObject({ [attestation]: 'other-subject' })
      expect(await p.declared()).toEqual([])
    })
  })

  describe('names and shapes at the edge', () => {
    test('an image under a tag named like a digest is an image', async () => {
      const digest = await s.image('app/n', `sha256-${'0'.repeat(64)}`, ['n'])
      await s.notify({ repository: 'app/n', tag: `sha256-${'0'.repeat(64)}`, digest, at: 10 })
      expect(await s.rows.manifests()).toEqual({ [digest]: 'image' })
      expect(await s.rows.spans()).toEqual([`app/n:sha256-${'0'.repeat(64)} ${digest} 10-`])
    })

    test('a repository of 255 characters, a tag of 128', async () => {
      const repository = `${'a'.repeat(127)}/${'b'.repeat(127)}`
      const digest = await s.image(repository, 't'.repeat(128), ['long'])
      await s.notify({ repository, tag: 't'.repeat(128), digest, at: 10 })
      expect(await s.rows.events()).toMatchObject([{ outcome: 'handled', reason: null }])
      expect(await s.rows.heads()).toEqual({ [`${repository}:${'t'.repeat(128)}`]: digest })
    })

    test.each([
      ['a repository of 256 characters', { repository: 'a'.repeat(256), tag: '1' }, 'bad-repository'],
      ['a repository in unicode', { repository: 'app/\u00fcber', tag: '1' }, 'bad-repository'],
      ['a tag of 129 characters', { repository: 'app/n', tag: 't'.repeat(129) }, 'bad-tag'],
      ['a tag in unicode', { repository: 'app/n', tag: '\u6f22\u5b57' }, 'bad-tag'],
      ['a tag with a colon, like a digest', { repository: 'app/n', tag: `sha256:${'0'.repeat(64)}` }, 'bad-tag'],
    ])('%s: ignored, with the reason', async (_, target, reason) => {
      await s.notify({ ...target, digest: `sha256:${'1'.repeat(64)}`, at: 10 })
      expect(await s.rows.events()).toMatchObject([{ outcome: 'ignored', reason }])
      expect(await s.rows.heads()).toEqual({})
    })

    test('annotations and labels in unicode, of 255 characters, with a NUL', async () => {
      const name = 'org.opencontainers.image.base.name'
      const digest = await s.image('app/u', '1', ['u'], {
        annotations: { [name]: '\u{1f40b}/\u6f22', 'org.opencontainers.image.source': '\u{1f40b}\0'.repeat(60) },
        config: { config: { Labels: { [name]: `localhost:5000/${'c'.repeat(255)}:1` } } },
      })
      await s.notify({ repository: 'app/u', tag: '1', digest, at: 10 })
      expect(await s.rows.events()).toMatchObject([{ outcome: 'handled', reason: null }])
      expect(await p.declared()).toEqual([`${digest} label localhost:5000/${'c'.repeat(255)}:1`])
    })

    test('127 layers, and a history that does not match them', async () => {
      const layers = Array.from({ length: 127 }, (_, i) => `deep ${i}`)
      const digest = await s.image('app/d', '1', layers, { config: { history: [{ created_by: 'RUN one' }] } })
      await s.notify({ repository: 'app/d', tag: '1', digest, at: 10 })
      expect(await s.pg.db.manifest.findMany()).toMatchObject([
        { digest, kind: 'image', layerCount: 127, historyAccounts: false, fault: null },
      ])
    })
  })
})
