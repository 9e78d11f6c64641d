import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { PutChannel } from '../../src/channels/channels.ts'
import type { ToldItem } from '../../src/channels/notifier.ts'
import { tellChannels } from '../../src/channels/tell-channels.ts'
import { addBuild, addOutdated, addTag, judge, nanoseconds, sha } from '../notify/flags.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { channelWorld } from './world.ts'

let pg: TestDatabase
let world: ReturnType<typeof channelWorld>
beforeAll(async () => {
  pg = await testDatabase()
  world = channelWorld(pg)
})
const base = 'r.test/lib/base:1'
const run = 'r.test/app/run:1'
const url = 'https://hooks.test/x'
const root = `${base}@${sha('v2')}`
const day = 86_400
beforeEach(async () => {
  await world.reset()
  await world.add('hook', url)
  await world.add('all', url, { events: ['outdated', 'rebuilt', 'failed', 'still'] })
  await world.add('only', url, { events: ['outdated'] })
  await addOutdated(pg.sql, run, { base, to: sha('v2') })
  await tell()
})
afterAll(() => pg.close())

const tell = async () => {
  await tellChannels(world.deps())
  world.later(300)
  await tellChannels(world.deps())
}
/** Kinds of what a channel was told, and the build each is of. */
const told = async (name: string) =>
  (await world.deliveries(name)).map(({ type, body }) => {
    const { items } = JSON.parse(body).data as { items: ToldItem[] }
    return [type.replace('dev.drydock.tags.', ''), ...items.flatMap(({ build }) => build?.id ?? [])].join(' ')
  })
const failed = async (kind = 'base-moved') => {
  const id = await addBuild(pg.sql, run, root, sha('none'), world.now())
  await pg.sql`
    update build set state = 'failed', digest = null, reason = ${JSON.stringify({ kind })}::text::jsonb,
      error = '{"code":"git-auth","message":"https://git.test/secret.git refuses us"}' where id = ${id}`
  return id
}

describe('a rebuild that failed', () => {
  test('is told once a cause, with the build and the kind of its fault, and nothing of a recipe, to who wants it', async () => {
    const first = await failed()
    await tell()
    expect(await told('hook')).toEqual(['outdated', `failed ${first}`])
    const [delivery] = (await world.deliveries('hook')).filter(({ type }) => type.endsWith('failed'))
    const { items } = JSON.parse(delivery!.body).data as { items: ToldItem[] }
    const reads = { code: 'git-auth', message: 'its source could not be fetched' }
    expect(items).toMatchObject([{ ref: run, now: 'outdated', build: { id: first, ...reads } }])
    expect(delivery!.body).not.toContain('git.test')
    expect(items[0]!.build!.finishedAt).toMatch(/^2026-11-21T\d\d:\d\d:\d\d\.\d\d\dZ$/)
    await failed()
    await tell()
    expect(await told('hook')).toHaveLength(2)
    expect(await told('only')).toEqual(['outdated'])
  })

  test('is not told where somebody asked for it, or where it was mended before it was told', async () => {
    await failed('manual')
    await tell()
    expect(await told('hook')).toEqual(['outdated'])
    await failed()
    await tellChannels(world.deps())
    await judge(pg.sql, run, [])
    await tell()
    expect(await told('hook')).toEqual(['outdated'])
  })
})

describe('what is outdated still', () => {
  test('is told after the days of the settings, and then weekly, while it lasts', async () => {
    const seen = async () => (await told('hook')).filter((kind) => kind === 'still').length
    const passing = async (days: number) => {
      world.later(days * day)
      await tell()
      return seen()
    }
    expect([await passing(6), await passing(1), await passing(6), await passing(1), await passing(7)]).toEqual([
      0, 1, 1, 2, 3,
    ])
    await judge(pg.sql, run, [])
    expect(await passing(7)).toBe(3)
    expect(await told('only')).toEqual(['outdated'])
  })
})

describe('what was rebuilt', () => {
  const rebuilt = async () => {
    const at = world.now()
    await addTag(pg.sql, run, { digest: sha('r2'), at: nanoseconds(at) })
    await judge(pg.sql, run, [])
    return addBuild(pg.sql, run, root, sha('r2'), at)
  }

  test('is told once, with its build, to who wants it', async () => {
    const build = await rebuilt()
    await tell()
    await tell()
    expect(await told('all')).toEqual(['outdated', `rebuilt ${build}`])
    expect([await told('hook'), await told('only')]).toEqual([['outdated'], ['outdated']])
  })

  test('is no news where it was told as rebuilt already', async () => {
    await world.add('late', url, { events: ['outdated', 'rebuilt'] })
    await tellChannels(world.deps())
    await rebuilt()
    await tell()
    await tell()
    expect(await told('late')).toEqual(['outdated'])
  })

  test('is not told where it is outdated again before it was told', async () => {
    await rebuilt()
    await tellChannels(world.deps())
    await judge(pg.sql, run, [{ base, to: sha('v3') }])
    await tell()
    expect((await told('all')).sort()).toEqual(['outdated', 'outdated'])
  })
})

test.each([
  [['still'], false],
  [['rebuilt', 'failed'], false],
  [['failed'], true],
  [['outdated', 'still', 'rebuilt'], true],
  [[], false],
])('a channel can want %j: %s', (events, may) => {
  expect(PutChannel.safeParse({ kind: 'slack', url, events }).success).toBe(may)
})

test('more notices than an integer counts', async () => {
  await pg.sql`select setval('channel_notice_id_seq', 3000000000)`
  await failed()
  await tell()
  expect(await told('hook')).toHaveLength(2)
  expect(await pg.sql`select from channel_notice where delivery_id is null`).toHaveLength(0)
})

test('a base that went back before it was told is no news', async () => {
  const other = 'r.test/lib/other:1'
  await addTag(pg.sql, other, { digest: sha('o2') })
  await addOutdated(pg.sql, 'r.test/app/two:1', { base: other, from: sha('o1'), to: sha('o2') })
  await tellChannels(world.deps())
  await addTag(pg.sql, other, { digest: sha('o1') })
  await judge(pg.sql, 'r.test/app/two:1', [])
  await tell()
  expect(await told('hook')).toEqual(['outdated'])
  expect(await pg.sql`select from channel_notice where delivery_id is null`).toHaveLength(0)
})
