import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { removeChannel } from '../../src/channels/channels.ts'
import type { ToldItem } from '../../src/channels/notifier.ts'
import { tellChannels } from '../../src/channels/tell-channels.ts'
import type { Config } from '../../src/config.ts'
import { addSnooze } from '../../src/policy/snoozes.ts'
import { addBuild, addOutdated, addTag, judge, nanoseconds, sha } from '../notify/flags.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { channelWorld, type DeliveryRow } from './world.ts'

let pg: TestDatabase
let world: ReturnType<typeof channelWorld>
beforeAll(async () => {
  pg = await testDatabase()
  world = channelWorld(pg)
})
beforeEach(() => world.reset())
afterAll(() => pg.close())

const base = 'r.test/lib/base:1'
const run = 'r.test/app/run:1'
const url = 'https://hooks.test/x'
type Data = { base: string; to: string; total: number; items: ToldItem[] }
const dataOf = ({ body }: DeliveryRow): Data => JSON.parse(body).data
const refsOf = (row: DeliveryRow) => dataOf(row).items.map(({ ref }) => ref)
const notices = async () =>
  (
    await pg.sql<{ kind: string; ref: string; root: string }[]>`select kind, ref, root from channel_notice order by id`
  ).map(({ kind, ref, root }) => `${kind} ${ref} ${root}`)
/** What becomes of it by the time the window is over. */
const tell = async (more: Partial<Config> = {}) => {
  await tellChannels(world.deps(more))
  world.later(300)
  await tellChannels(world.deps(more))
  return world.deliveries()
}

/** Many tags that are outdated by the base, in two statements. */
async function addMany(refs: string[]): Promise<void> {
  await addOutdated(pg.sql, refs[0]!, { base, to: sha('v2') })
  await pg.sql`
    insert into tag (repository_id, name, ref, head_digest, head_at, status)
    select t.repository_id, 'x' || v.ref, v.ref, t.head_digest, t.head_at, t.status
    from tag t, unnest(${refs.slice(1)}::text[]) as v (ref) where t.ref = ${refs[0]!}`
  await pg.sql`
    insert into cause (tag_id, base, role, from_digest, to_digest, evidence, confidence, still_at, via, platforms, counted, since)
    select t.id, c.base, c.role, c.from_digest, c.to_digest, c.evidence, c.confidence, c.still_at, c.via, c.platforms, c.counted, c.since
    from cause c, tag t where t.ref = any(${refs.slice(1)})`
}

describe('what is outdated', () => {
  test('is told to the channels of its namespace, and to no other', async () => {
    await world.add('hook', url)
    await world.add('other', url, {}, 'web')
    await world.add('off', url, { enabled: false })
    await addOutdated(pg.sql, run, { base, to: sha('v2'), from: sha('v1') })
    const [told, ...others] = await tell()
    expect(others).toEqual([])
    expect(told).toMatchObject({ type: 'dev.drydock.tags.outdated', state: 'pending', attempts: 0 })
    expect(dataOf(told!)).toMatchObject({ base, to: sha('v2'), total: 1 })
    expect(dataOf(told!).items).toEqual([
      {
        ...{ ref: run, digest: sha(run), platforms: ['linux/amd64'], outdatedSince: '2026-11-21T02:58:01.000Z' },
        causes: [
          {
            ...{ base, from: sha('v1'), to: sha('v2'), role: 'runtime', evidence: ['layers'], confidence: 'inferred' },
            ...{ stillAt: [], via: null, platforms: ['linux/amd64'] },
          },
        ],
        ...{ rebuild: { state: 'none', build: null, waitsFor: [] }, now: 'outdated' },
      },
    ])
    expect([await world.deliveries('other'), await world.deliveries('off')]).toEqual([[], []])
  })

  test('waits for the window, and then is one delivery for each base, with one job', async () => {
    await world.add('hook', url)
    await addOutdated(pg.sql, run, { base, to: sha('v2') }, { base: 'r.test/lib/other:1', to: sha('o2') })
    await tellChannels(world.deps())
    world.later(299)
    await addOutdated(pg.sql, 'r.test/app/more:1', { base, to: sha('v2') })
    await tellChannels(world.deps())
    expect(await world.deliveries()).toEqual([])
    world.later(1)
    await tellChannels(world.deps())
    const told = await world.deliveries()
    expect(told.map((row) => [dataOf(row).base, refsOf(row)])).toEqual([
      [base, ['r.test/app/more:1', run]],
      ['r.test/lib/other:1', [run]],
    ])
    expect((await world.jobs()).map(({ key }) => key).sort()).toEqual(told.map(({ id }) => `deliver:${id}`).sort())
  })

  test('of 500 images by one base is one message', async () => {
    await world.add('hook', url)
    await world.add('chat', url, { kind: 'slack' })
    const refs = Array.from({ length: 500 }, (_, i) => `r.test/app/image-${String(i).padStart(3, '0')}:1`)
    await addMany(refs)
    const told = await tell()
    expect(told.map(refsOf)).toEqual([refs])
    const [chat, ...others] = await world.deliveries('chat')
    expect(others).toEqual([])
    const { text } = JSON.parse(chat!.body) as { text: string }
    expect(text).toContain(refs[0])
    expect(text).toMatch(/… and 49\d more: <http:\/\/drydock.test:8080\/\?namespace=app&amp;base=/)
  })

  test('that moved twice within the window is told once, from the first digest to the last', async () => {
    await world.add('hook', url)
    await addOutdated(pg.sql, run, { base, from: sha('v1'), to: sha('v2') })
    await tellChannels(world.deps())
    await judge(pg.sql, run, [{ base, from: sha('v1'), to: sha('v3') }])
    const [told, ...others] = await tell()
    expect(others).toEqual([])
    expect(dataOf(told!).items.map(({ causes }) => causes.map(({ from, to }) => [from, to]))).toEqual([
      [[sha('v1'), sha('v3')]],
    ])
  })

  test('says what has become of it meanwhile', async () => {
    await world.add('hook', url)
    for (const tag of ['bare', 'gone', 'fixed', 'odd'])
      await addOutdated(pg.sql, `r.test/app/${tag}:1`, { base, to: sha('v2') })
    await tellChannels(world.deps())
    await judge(pg.sql, 'r.test/app/fixed:1', [])
    await judge(pg.sql, 'r.test/app/odd:1', [])
    await pg.sql`update tag set status = 'unknown' where ref = 'r.test/app/odd:1'`
    await judge(pg.sql, 'r.test/app/gone:1', [])
    await addTag(pg.sql, 'r.test/app/gone:1', null)
    const [told] = await tell()
    expect(dataOf(told!).items.map(({ ref, now }) => [ref.slice(11), now])).toEqual([
      ['bare:1', 'outdated'],
      ['fixed:1', 'current'],
      ['gone:1', 'deleted'],
      ['odd:1', 'unknown'],
    ])
  })
})

describe('once', () => {
  const first = `outdated ${run} ${base}@${sha('v2')}`
  beforeEach(async () => {
    await world.add('hook', url)
    await addOutdated(pg.sql, run, { base, to: sha('v2') })
  })

  test('run again, and many at once', async () => {
    await Promise.all([tellChannels(world.deps()), tellChannels(world.deps()), tellChannels(world.deps())])
    expect(await notices()).toEqual([first])
    world.later(300)
    await Promise.all([tellChannels(world.deps()), tellChannels(world.deps()), tellChannels(world.deps())])
    expect(await tell()).toHaveLength(1)
    expect(await world.jobs()).toHaveLength(1)
  })

  test('a death before the commit leaves the notices waiting; the next run makes the delivery', async () => {
    await tellChannels(world.deps())
    world.later(300)
    const dying = { ...world.deps().jobs, enqueue: () => Promise.reject(new Error('the process dies here')) }
    await expect(tellChannels({ ...world.deps(), jobs: dying })).rejects.toThrow('dies here')
    expect(await world.deliveries()).toEqual([])
    expect(await tell()).toHaveLength(1)
  })

  test('a clock that is set back holds nothing up for longer than the window', async () => {
    await tellChannels(world.deps())
    world.later(-86_400)
    await tellChannels(world.deps())
    expect(await world.deliveries()).toHaveLength(1)
  })

  test('but a further move is told, and each time a base is rolled back and forward', async () => {
    for (const digest of ['v2', 'v1', 'v2', 'v2']) {
      await judge(pg.sql, run, [{ base, to: sha(digest) }])
      await tell()
    }
    expect(await notices()).toEqual([first, `outdated ${run} ${base}@${sha('v1')}`, `${first}#2`])
    expect(await world.deliveries()).toHaveLength(3)
  })

  test('a chain reaction is told by its root, not level by level', async () => {
    const child = 'r.test/app/child:1'
    await addOutdated(pg.sql, child, { base, to: sha('v2') })
    await judge(pg.sql, run, [{ base, to: sha('v2'), via: child }])
    await tell()
    await addTag(pg.sql, child, { digest: sha('c2'), at: nanoseconds(world.now()) })
    await judge(pg.sql, child, [])
    await judge(pg.sql, run, [{ base: child, to: sha('c2') }])
    const build = await addBuild(pg.sql, child, `${base}@${sha('v2')}`, null, world.now())
    const before = await notices()
    await tellChannels(world.deps())
    await pg.sql`update build set state = 'succeeded', digest = ${sha('c2')}, finished_at = now() where id = ${build}`
    await tell()
    expect(await notices()).toEqual(before)
  })

  test('a channel made later hears of what is outdated still, once', async () => {
    await tell()
    await world.add('later', url, { kind: 'matrix' })
    await tell()
    await tell()
    expect([await world.deliveries('hook'), await world.deliveries('later')].map((rows) => rows.length)).toEqual([1, 1])
  })

  test('one that was changed, or enabled again, hears of nothing twice; one that was removed and made anew does', async () => {
    await tell()
    await world.add('hook', `${url}/other`, { enabled: false })
    await tell()
    await world.add('hook', url)
    expect(await tell()).toHaveLength(1)
    expect(await removeChannel(world.deps(), 'app', 'hook')).toBe(true)
    await world.add('hook', url)
    expect(await tell()).toHaveLength(1)
    expect(await world.jobs()).toHaveLength(2)
  })

  test('what is snoozed before it was told is not told until the snooze ends, and then', async () => {
    await tellChannels(world.deps())
    const expiresAt = new Date(world.now().getTime() + 86_400_000)
    await addSnooze(world.deps(), { kind: 'tag', ref: run, reason: 'a release', author: 'ada', expiresAt })
    expect(await tell()).toEqual([])
    world.later(86_400)
    expect(await tell()).toHaveLength(1)
  })
})

test('where Drydock only observes, deliveries are kept and never sent', async () => {
  await world.add('hook', url)
  await addOutdated(pg.sql, run, { base, to: sha('v2') })
  expect(await tell({ observe: true })).toMatchObject([{ state: 'kept' }])
  expect(await world.jobs()).toEqual([])
})

describe('names', () => {
  const hidden = 'r.test/secret/base:1'
  beforeEach(async () => {
    for (const kind of ['webhook', 'slack', 'matrix'] as const) await world.add(kind, url, { kind })
    await addOutdated(pg.sql, run, {
      base: hidden,
      from: sha('v1'),
      to: sha('v2'),
      via: 'r.test/secret/child:1',
      stillAt: ['r.test/secret/x:2'],
    })
  })
  const bodies = async () => {
    await tell()
    const all = await Promise.all(['webhook', 'slack', 'matrix'].map(world.deliveries))
    expect(all.map((rows) => rows.length)).toEqual([1, 1, 1])
    return all.flat().map(({ body }) => body)
  }

  test('that the viewers of the namespace may not read are withheld', async () => {
    await pg.sql`insert into namespace (key, visibility) values ('secret', 'private')`
    const [webhook, ...chats] = await bodies()
    // from what to what it moved is told, as with every flag
    for (const digest of [sha('v1'), sha('v2')]) expect(webhook).toContain(`"${digest}"`)
    for (const body of [webhook!, ...chats]) {
      expect(body).toContain('(withheld)')
      expect(body).not.toMatch(/secret\/|secret%2F/i)
      expect(body).toContain(run)
    }
  })

  test.each(['protected', 'public'])('of a namespace that is %s are told', async (visibility) => {
    await pg.sql`insert into namespace (key, visibility) values ('secret', ${visibility}::visibility)`
    for (const body of await bodies()) expect(body).toContain(hidden)
  })
})
