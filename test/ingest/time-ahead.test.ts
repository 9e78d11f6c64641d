import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { reconcile } from '../../src/inbox/reconcile.ts'
import { replay } from '../../src/inbox/replay.ts'
import { familyHost } from '../support/family.ts'
import { openStage, type Stage } from './stage.ts'

/** Events of clocks that are wrong: docs/design/ingest.md, "Times that cannot be". */
let s: Stage
beforeAll(async () => {
  s = await openStage()
})
beforeEach(() => s.clear())
afterAll(() => s.close())

const years = 5 * 365 * 86_400
const hour = 3600
/** Whole seconds, which stay what they are as text. */
const real = () => Math.floor(Date.now() / 1000)
/** A push into the registry, and the event of it, `ahead` seconds ahead of the time it has. */
const push = async (layer: string, ahead: number, id?: string) => {
  const digest = await s.image('lib/a', '1', [layer])
  const told = { repository: 'lib/a', tag: '1', digest, at: real() + ahead, id: id ?? `push ${layer} ${ahead}` }
  await s.notify(told)
  return { digest, told }
}
const head = async () => (await s.rows.heads())['lib/a:1']
const stays = () => s.pg.sql<{ digest: string; from: number; exact: boolean }[]>`
  select digest, (from_at / 1e9)::float8 as "from", exact from tag_span order by seq`
const isNow = (seconds: number) => Math.abs(seconds - real()) < hour / 4
const askedForTag = () => s.proxy.asked.get('HEAD /v2/lib/a/manifests/1') ?? 0

describe.each([
  ['years', years],
  ['two minutes', 120],
])('an event whose time is ahead by %s', (_, ahead) => {
  test('moves its tag now, and says why the registry was asked; the right one after it counts by its own time', async () => {
    const old = await push('one', -60)
    const moved = await push('two', ahead)
    expect(await head()).toBe(moved.digest)
    expect(await s.rows.events()).toMatchObject([
      { outcome: 'handled', reason: null },
      { outcome: 'handled', reason: 'time-ahead' },
    ])
    const [first, second] = await stays()
    expect([first!.digest, first!.exact, second!.exact, isNow(second!.from)]).toEqual([old.digest, true, false, true])
    s.proxy.asked.clear()
    const right = await push('three', 2)
    expect([await head(), askedForTag()]).toEqual([right.digest, 0])
    expect((await stays()).at(-1)).toMatchObject({ digest: right.digest, exact: true, from: right.told.at })
    expect(
      await s.pg.sql`select from manifest where first_push_at > ${BigInt(Math.ceil(real() + 60)) * 10n ** 9n}`,
    ).toEqual([])
  })

  test('told again, or replayed: the registry is asked where the tag is now', async () => {
    const first = await push('one', ahead)
    await s.notify(first.told)
    expect(await s.rows.events()).toHaveLength(1)
    const right = await push('two', 2)
    for (const { id } of await s.rows.events()) expect(await replay(s.d, id)).toBe('replayed')
    await s.drain()
    expect(await head()).toBe(right.digest)
    expect((await stays()).map(({ digest }) => digest)).toEqual([first.digest, right.digest])
  })

  test('of a delete: as the registry says', async () => {
    const { digest } = await push('one', -60)
    await s.notify({ repository: 'lib/a', action: 'delete', tag: '1', at: real() + ahead })
    expect(await head()).toBe(digest)
    await fetch(`${s.target}/v2/lib/a/manifests/${digest}`, { method: 'DELETE' })
    await s.notify({ repository: 'lib/a', action: 'delete', digest, at: real() + ahead + 1 })
    expect(await head()).toBeNull()
  })
})

test('a registry that is ahead by seconds keeps the order of its own events, whichever comes first', async () => {
  const one = await s.image('lib/a', '1', ['one'])
  const two = await s.image('lib/a', '1', ['two'])
  const at = real() + 40
  await s.notify({ repository: 'lib/a', tag: '1', digest: two, at: at + 1 })
  await s.notify({ repository: 'lib/a', tag: '1', digest: one, at })
  const [first, second, ...more] = await stays()
  expect(more).toEqual([])
  expect(first).toMatchObject({ digest: one, exact: true })
  expect(second).toMatchObject({ digest: two, exact: true })
})

test('put right again, it moves a tag at a time before the last: the registry is asked', async () => {
  await push('one', 50)
  const right = await push('two', 0)
  expect([await head(), askedForTag()]).toEqual([right.digest, 1])
})

describe('our clock was ahead as well, by years, and both were put right', () => {
  const atFirst = async () => {
    Object.assign(s.skew, { ours: years, registry: years })
    const [one, two] = [await push('one', years), await push('two', years + 1)]
    expect((await stays()).map(({ exact, from }) => exact && from > real() + years / 2)).toEqual([true, true])
    Object.assign(s.skew, { ours: 0, registry: 0 })
    return [one.digest, two.digest]
  }
  const nothingAhead = async () => {
    const bound = BigInt(Math.ceil(real() + 60)) * 10n ** 9n
    expect(await s.pg.sql`select from tag_fact where at > ${bound}`).toEqual([])
    expect(await s.pg.sql`select from manifest where first_push_at > ${bound} or first_seen_at > ${bound}`).toEqual([])
  }

  test('the next push counts, and what was before it is brought back before it, in its order', async () => {
    const before = await atFirst()
    const next = await push('three', 0)
    expect((await stays()).map(({ digest, from }) => [digest, isNow(from)])).toEqual(
      [...before, next.digest].map((digest) => [digest, true]),
    )
    await nothingAhead()
    s.proxy.asked.clear()
    const further = await push('four', 2)
    expect([await head(), askedForTag()]).toEqual([further.digest, 0])
    expect((await stays()).at(-1)).toMatchObject({ exact: true, from: further.told.at })
  })

  test('a comparison brings it back where nothing is pushed, once, and marks it to be judged', async () => {
    const before = await atFirst()
    await s.pg.sql`delete from dirty`
    await reconcile(s.d, { registry: familyHost })
    expect((await stays()).map(({ digest, from }) => [digest, isNow(from)])).toEqual(before.map((one) => [one, true]))
    await nothingAhead()
    const marks = await s.pg.sql<{ key: string }[]>`select key from dirty order by key`
    expect(marks.map(({ key }) => key).sort()).toEqual([...before, `${familyHost}/lib/a:1`].sort())
    const settled = await stays()
    await reconcile(s.d, { registry: familyHost })
    expect(await stays()).toEqual(settled)
  })

  test('a whole digest that was deleted then, and is pushed again now, is there', async () => {
    const [, two] = await atFirst()
    Object.assign(s.skew, { ours: years, registry: years })
    await fetch(`${s.target}/v2/lib/a/manifests/${two}`, { method: 'DELETE' })
    await s.notify({ repository: 'lib/a', action: 'delete', digest: two!, at: real() + years + 2 })
    expect(await head()).toBeNull()
    Object.assign(s.skew, { ours: 0, registry: 0 })
    const again = await push('two', 0)
    expect([await head(), again.digest]).toEqual([two, two])
    await nothingAhead()
  })
})

test('our clock is behind: tags are where they are, and nothing right is brought back', async () => {
  const one = await push('one', 0)
  s.skew.ours = -hour
  const two = await push('two', 1)
  const three = await push('three', 2)
  expect((await stays()).map(({ digest }) => digest)).toEqual([one, two, three].map(({ digest }) => digest))
  expect((await stays())[0]).toMatchObject({ exact: true, from: one.told.at })
  s.skew.ours = 0
  const four = await push('four', 3)
  expect((await stays()).at(-1)).toMatchObject({ digest: four.digest, exact: true })
})

test('our clock alone was ahead when a tag was found deleted: its next push counts', async () => {
  const { digest } = await push('one', -60)
  await fetch(`${s.target}/v2/lib/a/manifests/${digest}`, { method: 'DELETE' })
  s.skew.ours = hour
  await reconcile(s.d, { registry: familyHost, between: 0 })
  expect(await head()).toBeNull()
  s.skew.ours = 0
  const again = await push('two', 0)
  expect(await head()).toBe(again.digest)
})
