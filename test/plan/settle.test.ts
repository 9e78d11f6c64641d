import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { latestHeads } from '../../src/plan/load-heads.ts'
import { isWholeAgain, lackedAtMost, lacksOf, mayShare, withoutRevision } from '../../src/plan/settle.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'

const [amd, arm, s390] = ['linux/amd64', 'linux/arm64', 'linux/s390x']

/** Platforms of the heads, newest first. */
const cases: [string, (string | undefined)[][], boolean][] = [
  ['never pushed', [], false],
  ['pushed once', [[amd]], false],
  [
    'pushed whole, over another',
    [
      [amd, arm],
      [amd, arm],
    ],
    false,
  ],
  ['pushed for the first of two', [[amd], [amd, arm]], false],
  ['pushed for both of two, one by one', [[amd, arm], [amd], [amd, arm]], true],
  ['pushed for two of three', [[amd, arm], [amd], [amd, arm, s390]], false],
  ['pushed for all of three, one by one', [[amd, arm, s390], [amd, arm], [amd], [amd, arm, s390]], true],
  [
    'pushed for all of three, in two steps',
    [
      [amd, arm, s390],
      [arm, s390],
      [amd, arm, s390],
    ],
    true,
  ],
  ['pushed for more than there were', [[amd, arm, s390], [amd], [amd, arm]], true],
  ['pushed for one more than ever', [[amd, arm], [amd], [amd]], false],
  ['one platform only, over one', [[amd], [amd], [amd]], false],
  ['others than there were', [[arm, s390], [arm], [amd, arm]], false],
  ['one by one, over nothing', [[amd, arm], [amd]], false],
  ['one by one, the whole before that too', [[amd, arm], [amd], [amd, arm], [amd]], true],
]

test.each(cases)('%s', (_name, heads, whole) => {
  expect(isWholeAgain(heads.map((platforms) => new Set(platforms as string[])))).toBe(whole)
})

describe('what a base lacks', () => {
  const at = (seconds: number) => new Date(1_000_000_000_000 + seconds * 1000)
  const head = (platforms: (string | undefined)[], left: number | null) => ({
    platforms: new Set(platforms as string[]),
    left: left === null ? null : at(left),
  })
  const lacks = (heads: ReturnType<typeof head>[], since: number | null = 0) =>
    lacksOf(heads, since === null ? null : at(since)).map(({ platform, until }) => [
      platform,
      (until.getTime() - at(0).getTime()) / 1000 - lackedAtMost,
    ])
  test('is what any head before had, until so long after it was left', () => {
    expect(lacks([head([amd, arm], null), head([amd, arm], 0)])).toEqual([])
    expect(lacks([head([amd], null), head([amd, arm], 0)])).toEqual([[arm, 0]])
    expect(lacks([head([amd], null), head([amd], 9), head([amd, arm], 3)], 9)).toEqual([[arm, 3]])
    expect(lacks([head([arm, s390], null), head([arm], 9), head([amd, arm, s390], 3)], 9)).toEqual([[amd, 3]])
    expect(lacks([head([amd], null), head([arm], 9), head([arm], 3)], 9)).toEqual([[arm, 9]])
  })
  test('is nothing where the present head is not known, or nothing was before', () => {
    expect(lacks([])).toEqual([])
    expect(lacks([head([], null), head([amd], 1)])).toEqual([])
    expect(lacks([head([amd], null)])).toEqual([])
  })
  test("counts from our clock where the registry's is ahead, and not at all without a time", () => {
    expect(lacks([head([amd], null), head([arm], 86_400)], 5)).toEqual([[arm, 5]])
    expect(lacks([head([amd], null), head([arm], null)], null)).toEqual([])
  })
  test("is not a new revision of Windows' base", () => {
    expect(withoutRevision('windows/amd64;10.0.20348.2227')).toBe('windows/amd64;10.0.20348')
    expect(['windows/amd64', 'linux/arm/v7'].map(withoutRevision)).toEqual(['windows/amd64', 'linux/arm/v7'])
    expect(mayShare(['windows/amd64'], ['windows/amd64;10.0.20348.1'])).toBe(true)
    expect(mayShare(['linux/amd64'], ['linux/arm64'])).toBe(false)
    expect([mayShare([], ['linux/arm64']), mayShare(['linux/arm64'], undefined)]).toEqual([true, true])
  })
})

describe('in the database', () => {
  let pg: TestDatabase
  beforeAll(async () => {
    pg = await testDatabase()
  })
  afterAll(() => pg.close())
  beforeEach(() => pg.sql`truncate tag_span, tag, repository, registry, index_entry, manifest cascade`)

  /** A tag that was at these, oldest first: a manifest of one platform, or an index of several (with what is attested beside). */
  async function tagAt(name: string, heads: string[][]): Promise<string> {
    const ref = `reg/${name}:1`
    await pg.sql`insert into registry (name) values ('reg') on conflict do nothing`
    await pg.sql`insert into repository (registry_id, name, namespace) select id, ${name}, ${name} from registry`
    const [tag] = await pg.sql<{ id: number }[]>`
      insert into tag (repository_id, name, ref) select id, '1', ${ref} from repository where name = ${name} returning id`
    for (const [seq, platforms] of heads.entries()) {
      const digest = `${name}-${seq}`
      const [only] = platforms.length === 1 ? platforms : []
      await pg.sql`
        insert into manifest (digest, media_type, kind, platform, layer_count, history_accounts, first_seen_at)
        values (${digest}, 'x', ${only ? 'image' : 'index'}, ${only ?? null}, 0, true, 0)`
      if (!only)
        for (const [i, platform] of [...platforms, 'unknown/unknown'].entries())
          await pg.sql`
            insert into index_entry (index_digest, position, manifest_digest, platform, attestation)
            values (${digest}, ${i}, ${`${digest}-${i}`}, ${platform}, ${platform === 'unknown/unknown'})`
      await pg.sql`
        insert into tag_span (tag_id, seq, digest, from_at, exact) values (${tag!.id}, ${seq}, ${digest}, ${seq}, true)`
    }
    return ref
  }

  test('platforms are those of the manifest, or of the entries of the index, without attestations', async () => {
    const both = [amd!, arm!]
    const whole = await tagAt('whole', [both, [amd!], both])
    const half = await tagAt('half', [both, [amd!]])
    const other = await tagAt('other', [both, [arm!], [arm!, s390!]])
    const found = await pg.sql.begin((tx) => latestHeads(tx, [whole, half, other, 'reg/unheard-of:1']))
    expect([...found].map(([ref, heads]) => [ref, heads.map(({ platforms }) => [...platforms].sort())])).toEqual([
      [half, [[amd], both]],
      [other, [[arm, s390], [arm], both]],
      [whole, [both, [amd], both]],
    ])
    expect(await pg.sql.begin((tx) => latestHeads(tx, []))).toEqual(new Map())
  })

  test('only the latest pushes are looked at', async () => {
    const all = Array.from({ length: 12 }, (_, i) => `linux/p${String(i).padStart(2, '0')}`)
    const one = await tagAt('one', [all, ...all.map((_, i) => all.slice(0, i + 1))])
    const [heads] = (await pg.sql.begin((tx) => latestHeads(tx, [one]))).values()
    expect(heads).toHaveLength(12)
    expect(heads?.[0]?.platforms.size).toBe(12)
  })
})
