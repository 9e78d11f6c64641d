import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { type ObservedDeclaration, observeAbsent } from '../../src/ingest/observe.ts'
import { type Learned, nothingLearned } from '../../src/ingest/save.ts'
import { image, learned, openSaving, second, sha } from './saving.ts'

let s: Awaited<ReturnType<typeof openSaving>>
beforeAll(async () => {
  s = await openSaving()
})
beforeEach(() => s.clear())
afterAll(() => s.pg.close())

describe('save', () => {
  test('a push becomes a repository, a manifest, a tag and its span, and marks both to be judged', async () => {
    await s.saved(s.observed('1', 'push', 'A', 5), learned('A'))
    expect(await s.spans()).toEqual([`reg:5000/lib/base:1 ${sha('A')} 5-`])
    expect(await s.pg.db.tag.findMany({ include: { repository: true } })).toMatchObject([
      { ref: 'reg:5000/lib/base:1', headDigest: sha('A'), headAt: 5n * second, repository: { namespace: 'lib' } },
    ])
    expect(await s.pg.db.manifest.findMany()).toMatchObject([
      {
        digest: sha('A'),
        kind: 'image',
        firstPushAt: 5n * second,
        firstSeenAt: null,
        lastChain: '00000000-0000-0000-0000-000000000001',
        layers: [{ diffId: sha('diff') }],
      },
    ])
    expect(await s.marks()).toEqual([`manifest ${sha('A')}`, 'tag reg:5000/lib/base:1'])
    expect(await s.jobs()).toEqual(['refresh'])
  })

  test('the same again changes nothing and marks nothing', async () => {
    await s.saved(s.observed('1', 'push', 'A', 5), learned('A'))
    await s.pg.sql`delete from dirty`
    expect(await s.saved(s.observed('1', 'push', 'A', 5), learned('A'))).toEqual({ tags: [], manifests: [] })
    expect(await s.marks()).toEqual([])
  })

  test('a mark that is set again is another mark', async () => {
    await s.saved(s.observed('1', 'push', 'A', 5), learned('A'))
    const read = await s.pg.sql<{ id: number }[]>`select id from dirty`
    await s.saved(s.observed('1', 'push', 'B', 6), learned('B'))
    await s.pg.sql`delete from dirty where id = any(${read.map((row) => row.id)})`
    expect(await s.marks()).toEqual([`manifest ${sha('B')}`, 'tag reg:5000/lib/base:1'])
  })

  test('an earlier push of known content moves its first push and no tag', async () => {
    await s.saved(s.observed('1', 'push', 'A', 5), learned('A'))
    const changes = await s.saved(s.observed('', 'push', 'A', 3), { ...nothingLearned, sighted: [sha('A')] })
    expect(changes).toEqual({ tags: [], manifests: [sha('A')] })
    expect(await s.pg.db.manifest.findMany()).toMatchObject([{ firstPushAt: 3n * second }])
  })

  test('a sighting has its own time', async () => {
    await s.saved(s.observed('1', 'push', 'A', 5, { exact: false }), learned('A'))
    expect(await s.pg.db.manifest.findMany()).toMatchObject([{ firstPushAt: null, firstSeenAt: 5n * second }])
    expect(await s.pg.db.tagSpan.findMany()).toMatchObject([{ exact: false }])
  })

  test('what was absent becomes known, what is known never absent', async () => {
    const gone = { ...nothingLearned, manifests: [observeAbsent(sha('A'), 'x', 'not-found')], sighted: [sha('A')] }
    await s.saved(s.observed('1', 'push', 'A', 5), gone)
    expect(await s.pg.db.manifest.findMany()).toMatchObject([{ kind: 'absent', fault: 'not-found' }])
    expect((await s.saved(null, learned('A'))).manifests).toEqual([sha('A')])
    expect((await s.saved(s.observed('2', 'push', 'A', 6), gone)).manifests).toEqual([])
    expect(await s.pg.db.manifest.findMany()).toMatchObject([{ kind: 'image', fault: null, firstPushAt: 5n * second }])
  })

  test('a digest delete ends every tag of that repository on it, and no other', async () => {
    await s.saved(s.observed('1', 'push', 'A', 1), learned('A'))
    await s.saved(s.observed('2', 'push', 'A', 2), learned('A'))
    await s.saved(s.observed('3', 'push', 'B', 2), learned('B'))
    await s.saved(s.observed('1', 'push', 'A', 1, { repository: 'x/y' }), learned('A'))
    const { tags } = await s.saved(s.observed('', 'delete', 'A', 4), nothingLearned)
    expect(tags).toEqual(['reg:5000/lib/base:1', 'reg:5000/lib/base:2'])
    expect(await s.spans()).toEqual([
      `reg:5000/lib/base:1 ${sha('A')} 1-4`,
      `reg:5000/lib/base:2 ${sha('A')} 2-4`,
      `reg:5000/lib/base:3 ${sha('B')} 2-`,
      `reg:5000/x/y:1 ${sha('A')} 1-`,
    ])
    expect(await s.pg.db.tag.findUnique({ where: { ref: 'reg:5000/lib/base:1' } })).toMatchObject({
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
      reason: null,
    }
    return { ...learned('child'), declarations: [declaration] }
  }

  test.each<[string, string | null, string | null, string[]]>([
    ['a base that was never seen', 'reg:5000/lib/other:1', null, ['look:reg:5000/lib/other:1']],
    ['a digest its tag never had', 'reg:5000/lib/base:1', 'X', ['look:reg:5000/lib/base:1']],
    ['a digest its tag had', 'reg:5000/lib/base:1', 'A', []],
    ['a digest in an index its tag had', 'reg:5000/lib/base:1', 'inner', []],
    ['a base whose tag is known', 'reg:5000/lib/base:1', null, []],
    ['another host of that registry', 'alias.reg/lib/other:1', null, ['look:reg:5000/lib/other:1']],
    ['another host, a digest its tag had', 'alias.reg/lib/base:1', 'A', []],
    ['a host that may not be asked', 'quay.io/lib/base:1', null, []],
    ['a host nobody configured that is watched', 'docker.io/library/debian:12', null, ['watch:docker.io']],
    ['a host that only begins alike', 'reg:50001/lib/base:1', null, []],
    ['a bare digest', null, 'X', []],
  ])('declares %s', async (_, name, digest, looks) => {
    await s.saved(s.observed('1', 'push', 'A', 1), learned('A'))
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
    await s.saved(s.observed('1', 'push', 'B', 2), { ...learned('B', 'inner'), entries })
    await s.saved(s.observed('1', 'push', 'child', 3, { repository: 'app/x' }), declares(name, digest))
    expect((await s.jobs()).filter((key) => key !== 'refresh')).toEqual(looks)
    await s.pg.sql`delete from graphile_worker._private_jobs`
    await s.saved(s.observed('1', 'push', 'child', 3, { repository: 'app/x' }), declares(name, digest))
    expect(await s.jobs()).toEqual([])
  })

  test('stores what is declared under the name of its registry', async () => {
    await s.saved(s.observed('1', 'push', 'child', 3), declares('alias.reg/lib/base:1', 'A'))
    expect(await s.pg.db.declaration.findMany()).toMatchObject([{ name: 'reg:5000/lib/base:1', digest: sha('A') }])
  })

  test('texts with NUL are stored without it', async () => {
    await s.saved(null, {
      ...nothingLearned,
      manifests: [{ ...image('A'), mediaType: 'a\0b', artifactType: '\\u0000' }],
    })
    expect(await s.pg.db.manifest.findMany()).toMatchObject([{ mediaType: 'ab', artifactType: '\\u0000' }])
  })
})
