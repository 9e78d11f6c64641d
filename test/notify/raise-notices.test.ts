import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { raiseNotices } from '../../src/notify/raise-notices.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { configFor } from './config.ts'
import { addBuild, addMember, addOutdated, addTag, judge, nanoseconds, sha, wipe } from './flags.ts'

let pg: TestDatabase
beforeAll(async () => {
  pg = await testDatabase()
})
beforeEach(() => wipe(pg.sql))
afterAll(() => pg.close())

const base = 'r.test/lib/base:1'
const run = 'r.test/app/run:1'
const child = 'r.test/app/child:1'
const now = new Date('2026-11-21T03:00:00Z')

const raise = (registries = ['r.test']) => {
  const config = configFor(registries)
  return raiseNotices({ sql: pg.sql, clock: () => now, config })
}
const noticed = async () => {
  const rows = await pg.sql<
    { userName: string; ref: string; root: string }[]
  >`select user_name, ref, root from notice order by id`
  return rows.map(({ userName, ref, root }) => [userName, ref, root].join(' '))
}

describe('who is told', () => {
  test.each([
    ['an owner', { role: 'owner' }, 1],
    ['a contributor', { role: 'contributor' }, 1],
    ['no viewer', { role: 'viewer' }, 0],
    ['nobody disabled', { enabled: false }, 0],
    ['no bot', { bot: true }, 0],
    ['nobody without an address', { email: null }, 0],
    ['nobody with an empty address', { email: '' }, 0],
  ] as const)('%s', async (_who, person, raised) => {
    await addOutdated(pg.sql, run, { base, to: sha('v2') })
    await addMember(pg.sql, 'app', 'ada', person)
    expect(await raise()).toEqual({ raised, held: 0 })
  })

  test('nobody of another namespace', async () => {
    await addOutdated(pg.sql, run, { base, to: sha('v2') })
    await addMember(pg.sql, 'lib', 'ada')
    expect(await raise()).toEqual({ raised: 0, held: 0 })
  })

  test('members of the global namespace, of a tag without a namespace', async () => {
    await addOutdated(pg.sql, 'r.test/run:1', { base, to: sha('v2') })
    await addMember(pg.sql, '_', 'ada')
    expect(await raise()).toMatchObject({ raised: 1 })
  })

  test('with several registries, members of that registry’s namespace alone', async () => {
    await addOutdated(pg.sql, run, { base, to: sha('v2') })
    await addMember(pg.sql, 'r.test/app', 'ada')
    await addMember(pg.sql, 'other.test/app', 'bob')
    await addMember(pg.sql, 'app', 'eve')
    await raise(['r.test', 'other.test'])
    expect(await noticed()).toEqual([`ada ${run} ${base}@${sha('v2')}`])
  })

  test('who becomes a member later hears of what is outdated still', async () => {
    await addOutdated(pg.sql, run, { base, to: sha('v2') })
    await addMember(pg.sql, 'app', 'ada')
    await raise()
    await addMember(pg.sql, 'app', 'bob')
    expect(await raise()).toMatchObject({ raised: 1 })
    expect(await noticed()).toEqual(['ada', 'bob'].map((name) => `${name} ${run} ${base}@${sha('v2')}`))
  })
})

describe('of what', () => {
  beforeEach(() => addMember(pg.sql, 'app', 'ada'))

  test('the cause as it is', async () => {
    const cause = {
      base,
      from: sha('v1'),
      to: sha('v2'),
      confidence: 'ambiguous',
      stillAt: ['r.test/lib/base:stable'],
    } as const
    await addOutdated(pg.sql, run, { ...cause, stillAt: [...cause.stillAt] })
    await raise()
    const [row] = await pg.sql<{ content: string; namespace: string; createdAt: Date }[]>`
      select content::text as content, namespace, created_at from notice`
    expect(row).toMatchObject({ namespace: 'app', createdAt: now })
    expect(JSON.parse(row!.content)).toEqual({
      ...cause,
      role: 'runtime',
      evidence: ['layers'],
      via: null,
      platforms: ['linux/amd64'],
      pinned: false,
      since: '1795229881000000000',
    })
  })

  test.each([
    ['a cause that is not counted', { counted: false }, 0],
    ['a counted cause', { counted: true }, 1],
  ])('%s', async (_what, more, raised) => {
    await addOutdated(pg.sql, run, { base, to: sha('v2'), ...more })
    expect(await raise()).toMatchObject({ raised })
  })

  test('a base that is both runtime and build base is one thing', async () => {
    await addOutdated(pg.sql, run, { base, to: sha('v2'), role: 'build' }, { base, to: sha('v2') })
    expect(await raise()).toMatchObject({ raised: 1 })
  })

  test('two bases are two things', async () => {
    await addOutdated(pg.sql, run, { base, to: sha('v2') }, { base: 'r.test/lib/other:1', to: sha('o2') })
    expect(await raise()).toMatchObject({ raised: 2 })
  })

  test('nothing of a deleted tag', async () => {
    await addOutdated(pg.sql, run, { base, to: sha('v2') })
    await pg.sql`update tag set head_digest = null`
    expect(await raise()).toMatchObject({ raised: 0 })
  })
})

describe('once', () => {
  beforeEach(async () => {
    await addMember(pg.sql, 'app', 'ada')
    await addOutdated(pg.sql, run, { base, to: sha('v2') })
    await raise()
  })
  const first = `ada ${run} ${base}@${sha('v2')}`

  test('run again, and many at once', async () => {
    await pg.sql`truncate notice cascade`
    const counts = await Promise.all([raise(), raise(), raise()])
    expect(counts.map(({ raised }) => raised).sort()).toEqual([0, 0, 1])
    expect(await noticed()).toEqual([first])
  })

  test('also when the verdict was another meanwhile', async () => {
    await judge(pg.sql, run, [])
    await raise()
    await judge(pg.sql, run, [{ base, to: sha('v2') }])
    expect(await raise()).toMatchObject({ raised: 0 })
  })

  test('but a further move is told', async () => {
    await judge(pg.sql, run, [{ base, to: sha('v3') }])
    await raise()
    expect(await noticed()).toEqual([first, `ada ${run} ${base}@${sha('v3')}`])
  })

  test('and so is a base rolled back, and each time it moves forward again', async () => {
    for (const digest of ['v1', 'v2', 'v2', 'v1', 'v2']) {
      await judge(pg.sql, run, [{ base, to: sha(digest) }])
      await raise()
    }
    const roots = [sha('v1'), `${sha('v2')}#2`, `${sha('v1')}#2`, `${sha('v2')}#3`]
    expect(await noticed()).toEqual([first, ...roots.map((root) => `ada ${run} ${base}@${root}`)])
  })
})

describe('a chain reaction', () => {
  const root = `${base}@${sha('v2')}`
  beforeEach(async () => {
    await addMember(pg.sql, 'app', 'ada')
    await addTag(pg.sql, base, { digest: sha('v2') })
    await addOutdated(pg.sql, child, { base, to: sha('v2') })
    await addOutdated(pg.sql, run, { base, to: sha('v2'), via: child })
    await raise()
  })
  const told = [`ada ${child} ${root}`, `ada ${run} ${root}`]

  /** The child as our build leaves it: rebuilt, current, and itself now a cause of what is on it. */
  const rebuilt = async (pushedAt = now) => {
    await addTag(pg.sql, child, { digest: sha('c2'), at: nanoseconds(pushedAt) })
    await judge(pg.sql, child, [])
    await judge(pg.sql, run, [{ base: child, to: sha('c2') }])
  }

  test('is told once, not level by level', async () => {
    await rebuilt()
    await addBuild(pg.sql, child, root, sha('c2'))
    expect(await raise()).toEqual({ raised: 0, held: 0 })
    expect(await noticed()).toEqual(told)
  })

  test('is told to whom it concerns only at a later level, by its root', async () => {
    await addTag(pg.sql, 'r.test/web/site:1', { digest: sha('site') })
    await addMember(pg.sql, 'web', 'bob')
    await rebuilt()
    await judge(pg.sql, 'r.test/web/site:1', [{ base: child, to: sha('c2') }])
    await addBuild(pg.sql, child, root, sha('c2'))
    await raise()
    expect(await noticed()).toEqual([...told, `bob r.test/web/site:1 ${root}`])
  })

  test('is held while the build that pushed it runs, and then told as what it is', async () => {
    await rebuilt()
    const build = await addBuild(pg.sql, child, root, null, now)
    expect(await raise()).toEqual({ raised: 0, held: 1 })
    await pg.sql`update build set state = 'succeeded', digest = ${sha('c2')}, finished_at = now() where id = ${build}`
    expect(await raise()).toEqual({ raised: 0, held: 0 })
  })

  test('holds nothing that was pushed before the build began', async () => {
    await rebuilt(new Date(now.getTime() - 3_600_000))
    await addBuild(pg.sql, child, root, null, now)
    expect(await raise()).toEqual({ raised: 1, held: 0 })
  })

  test('ends where somebody pushes by hand: that is a new cause', async () => {
    await rebuilt()
    await raise()
    expect(await noticed()).toEqual([...told, `ada ${run} ${child}@${sha('c2')}`])
  })

  test('goes back to a build somebody asked for, and is told once too', async () => {
    const leaf = 'r.test/app/leaf:1'
    await rebuilt()
    const asked = await addBuild(pg.sql, child, null, sha('c2'))
    await addOutdated(pg.sql, leaf, { base: child, to: sha('c2'), via: run })
    await raise()
    await addTag(pg.sql, run, { digest: sha('r2'), at: nanoseconds(now) })
    await judge(pg.sql, run, [])
    await judge(pg.sql, leaf, [{ base: run, to: sha('r2') }])
    await addBuild(pg.sql, run, asked, sha('r2'))
    expect(await raise()).toEqual({ raised: 0, held: 0 })
    expect(await noticed()).toEqual([...told, `ada ${leaf} ${asked}`, `ada ${run} ${asked}`])
  })

  test('is no other one where a build asked for by hand comes to the same digest', async () => {
    await rebuilt()
    await addBuild(pg.sql, child, root, sha('c2'), new Date(now.getTime() - 1000))
    await addBuild(pg.sql, child, null, sha('c2'))
    expect(await raise()).toEqual({ raised: 0, held: 0 })
  })
})
