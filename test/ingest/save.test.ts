import { createHash } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { inTransaction } from '../../src/ingest/in-transaction.ts'
import { type ObservedDeclaration, type ObservedManifest, observeAbsent } from '../../src/ingest/observe.ts'
import { type Changes, type Learned, nothingLearned, type Observation, save } from '../../src/ingest/save.ts'
import { testDeps } from '../support/deps.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'

const sha = (text: string) => `sha256:${createHash('sha256').update(text).digest('hex')}`
const second = 1_000_000_000n
let pg: TestDatabase
let registryId: number

beforeAll(async () => {
  pg = await testDatabase()
})
beforeEach(async () => {
  await pg.sql`truncate registry, manifest, declaration, dirty cascade`
  await pg.sql`delete from graphile_worker._private_jobs`
  const [row] = await pg.sql<{ id: number }[]>`insert into registry (name) values ('reg:5000') returning id`
  registryId = row!.id
})
afterAll(() => pg.close())

const observed = (
  tag: string,
  kind: 'push' | 'delete',
  digest: string | null,
  at: number,
  more: Partial<Observation> = {},
): Observation => ({
  registryId,
  host: 'reg:5000',
  repository: 'lib/base',
  tag,
  kind,
  digest: digest && sha(digest),
  at: BigInt(at) * second,
  sourceId: `${kind} ${tag} ${digest} ${at}`,
  exact: true,
  ...more,
})

const image = (name: string): ObservedManifest => ({
  ...observeAbsent(sha(name), 'application/vnd.oci.image.manifest.v1+json', 'not-found'),
  kind: 'image',
  fault: null,
  platform: 'linux/amd64' as ObservedManifest['platform'],
  layerCount: 1,
  chainIds: ['00000000-0000-0000-0000-000000000001'],
  layers: [{ digest: sha('blob'), diffId: sha('diff'), size: 1, mediaType: 'x' }],
})
const learned = (...names: string[]): Learned => ({
  ...nothingLearned,
  manifests: names.map(image),
  sighted: names.map(sha),
})

async function saved(o: Observation | null, content: Learned): Promise<Changes> {
  let changes: Changes = { tags: [], manifests: [] }
  await inTransaction(pg.sql, async (tx) => {
    changes = await save(testDeps(pg), tx, o, content)
  })
  return changes
}
const spans = async () =>
  (
    await pg.sql<{ text: string }[]>`
      select tag.ref || ' ' || digest || ' ' || from_at / 1000000000 || '-' || coalesce((to_at / 1000000000)::text, '') as text
      from tag_span join tag on tag.id = tag_id order by tag.ref, seq`
  ).map((row) => row.text)
const marks = async () =>
  (await pg.sql<{ mark: string }[]>`select kind || ' ' || key as mark from dirty order by 1`).map((row) => row.mark)
const jobs = async () =>
  (await pg.sql<{ key: string }[]>`select key from graphile_worker._private_jobs order by key`).map((row) => row.key)

describe('save', () => {
  test('a push becomes a repository, a manifest, a tag and its span, and marks both to be judged', async () => {
    await saved(observed('1', 'push', 'A', 5), learned('A'))
    expect(await spans()).toEqual([`reg:5000/lib/base:1 ${sha('A')} 5-`])
    expect(await pg.db.tag.findMany({ include: { repository: true } })).toMatchObject([
      { ref: 'reg:5000/lib/base:1', headDigest: sha('A'), headAt: 5n * second, repository: { namespace: 'lib' } },
    ])
    expect(await pg.db.manifest.findMany()).toMatchObject([
      {
        digest: sha('A'),
        kind: 'image',
        firstPushAt: 5n * second,
        firstSeenAt: null,
        lastChain: '00000000-0000-0000-0000-000000000001',
        layers: [{ diffId: sha('diff') }],
      },
    ])
    expect(await marks()).toEqual([`manifest ${sha('A')}`, 'tag reg:5000/lib/base:1'])
    expect(await jobs()).toEqual(['refresh'])
  })

  test('the same again changes nothing and marks nothing', async () => {
    await saved(observed('1', 'push', 'A', 5), learned('A'))
    await pg.sql`delete from dirty`
    expect(await saved(observed('1', 'push', 'A', 5), learned('A'))).toEqual({ tags: [], manifests: [] })
    expect(await marks()).toEqual([])
  })

  test('a mark that is set again is another mark', async () => {
    await saved(observed('1', 'push', 'A', 5), learned('A'))
    const read = await pg.sql<{ id: number }[]>`select id from dirty`
    await saved(observed('1', 'push', 'B', 6), learned('B'))
    await pg.sql`delete from dirty where id = any(${read.map((row) => row.id)})`
    expect(await marks()).toEqual([`manifest ${sha('B')}`, 'tag reg:5000/lib/base:1'])
  })

  test('an earlier push of known content moves its first push and no tag', async () => {
    await saved(observed('1', 'push', 'A', 5), learned('A'))
    const changes = await saved(observed('', 'push', 'A', 3), { ...nothingLearned, sighted: [sha('A')] })
    expect(changes).toEqual({ tags: [], manifests: [sha('A')] })
    expect(await pg.db.manifest.findMany()).toMatchObject([{ firstPushAt: 3n * second }])
  })

  test('a sighting has its own time', async () => {
    await saved(observed('1', 'push', 'A', 5, { exact: false }), learned('A'))
    expect(await pg.db.manifest.findMany()).toMatchObject([{ firstPushAt: null, firstSeenAt: 5n * second }])
    expect(await pg.db.tagSpan.findMany()).toMatchObject([{ exact: false }])
  })

  test('what was absent becomes known, what is known never absent', async () => {
    const gone = { ...nothingLearned, manifests: [observeAbsent(sha('A'), 'x', 'not-found')], sighted: [sha('A')] }
    await saved(observed('1', 'push', 'A', 5), gone)
    expect(await pg.db.manifest.findMany()).toMatchObject([{ kind: 'absent', fault: 'not-found' }])
    expect((await saved(null, learned('A'))).manifests).toEqual([sha('A')])
    expect((await saved(observed('2', 'push', 'A', 6), gone)).manifests).toEqual([])
    expect(await pg.db.manifest.findMany()).toMatchObject([{ kind: 'image', fault: null, firstPushAt: 5n * second }])
  })

  test('a digest delete ends every tag of that repository on it, and no other', async () => {
    await saved(observed('1', 'push', 'A', 1), learned('A'))
    await saved(observed('2', 'push', 'A', 2), learned('A'))
    await saved(observed('3', 'push', 'B', 2), learned('B'))
    await saved(observed('1', 'push', 'A', 1, { repository: 'x/y' }), learned('A'))
    const { tags } = await saved(observed('', 'delete', 'A', 4), nothingLearned)
    expect(tags).toEqual(['reg:5000/lib/base:1', 'reg:5000/lib/base:2'])
    expect(await spans()).toEqual([
      `reg:5000/lib/base:1 ${sha('A')} 1-4`,
      `reg:5000/lib/base:2 ${sha('A')} 2-4`,
      `reg:5000/lib/base:3 ${sha('B')} 2-`,
      `reg:5000/x/y:1 ${sha('A')} 1-`,
    ])
    expect(await pg.db.tag.findUnique({ where: { ref: 'reg:5000/lib/base:1' } })).toMatchObject({
      headDigest: null,
      headAt: null,
    })
  })

  const declares = (name: string | null, digest: string | null): Learned => {
    const declaration: ObservedDeclaration = {
      subject: sha('child'),
      evidence: 'annotation',
      source: sha('child'),
      position: 0,
      name,
      digest: digest && sha(digest),
      platform: null,
      role: 'runtime',
      pinned: false,
    }
    return { ...learned('child'), declarations: [declaration] }
  }

  test.each<[string, string | null, string | null, string[]]>([
    ['a base that was never seen', 'reg:5000/lib/other:1', null, ['look:reg:5000/lib/other:1']],
    ['a digest its tag never had', 'reg:5000/lib/base:1', 'X', ['look:reg:5000/lib/base:1']],
    ['a digest its tag had', 'reg:5000/lib/base:1', 'A', []],
    ['a digest in an index its tag had', 'reg:5000/lib/base:1', 'inner', []],
    ['a base whose tag is known', 'reg:5000/lib/base:1', null, []],
    ['a registry nobody configured', 'docker.io/library/debian:12', null, []],
    ['a host that only begins alike', 'reg:50001/lib/base:1', null, []],
    ['a bare digest', null, 'X', []],
  ])('declares %s', async (_, name, digest, looks) => {
    await saved(observed('1', 'push', 'A', 1), learned('A'))
    const entries = [
      {
        indexDigest: sha('B'),
        position: 0,
        manifestDigest: sha('inner'),
        platform: null,
        attestation: false,
        attests: null,
      },
    ]
    await saved(observed('1', 'push', 'B', 2), { ...learned('B', 'inner'), entries })
    await saved(observed('1', 'push', 'child', 3, { repository: 'app/x' }), declares(name, digest))
    expect((await jobs()).filter((key) => key !== 'refresh')).toEqual(looks)
    await pg.sql`delete from graphile_worker._private_jobs`
    await saved(observed('1', 'push', 'child', 3, { repository: 'app/x' }), declares(name, digest))
    expect(await jobs()).toEqual([])
  })

  test('texts with NUL are stored without it', async () => {
    await saved(null, { ...nothingLearned, manifests: [{ ...image('A'), mediaType: 'a\0b', artifactType: '\\u0000' }] })
    expect(await pg.db.manifest.findMany()).toMatchObject([{ mediaType: 'ab', artifactType: '\\u0000' }])
  })
})

describe('any order, any repetition, all at once', () => {
  const told = fc.record({
    tag: fc.constantFrom('1', '2', ''),
    kind: fc.constantFrom('push' as const, 'push' as const, 'delete' as const),
    digest: fc.constantFrom('A', 'B', 'C'),
    at: fc.integer({ min: 1, max: 9 }),
    exact: fc.boolean(),
    repository: fc.constantFrom('lib/base', 'app/x'),
  })

  const state = async () => ({
    spans: await spans(),
    heads: await pg.sql`select ref, head_digest, head_at from tag order by ref`,
    manifests: await pg.sql`select digest, kind, first_push_at, first_seen_at from manifest order by digest`,
  })
  const clear = () => pg.sql`truncate repository, manifest, dirty cascade`

  test('ends in the same rows', async () => {
    const histories = fc.array(told, { minLength: 1, maxLength: 12 }).chain((facts) =>
      fc.record({
        facts: fc.constant(facts),
        again: fc.shuffledSubarray([...facts, ...facts], { minLength: facts.length * 2 }),
      }),
    )
    await fc.assert(
      fc.asyncProperty(histories, async ({ facts, again }) => {
        const tell = ({ tag, kind, digest, at, exact, repository }: (typeof facts)[number]) => {
          const sourceId = `${kind} ${tag} ${digest} ${at} ${exact} ${repository}`
          const o = observed(tag, kind, kind === 'delete' && tag !== '' ? null : digest, at, {
            exact,
            repository,
            sourceId,
          })
          return saved(o, kind === 'push' ? learned(digest) : nothingLearned)
        }
        await clear()
        for (const fact of facts) await tell(fact)
        const inOrder = await state()
        await clear()
        for (const fact of again) await tell(fact)
        expect(await state()).toEqual(inOrder)
        await clear()
        await Promise.all(again.map(tell))
        expect(await state()).toEqual(inOrder)
      }),
      { numRuns: 30 },
    )
  })
})
