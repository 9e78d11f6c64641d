import { beforeEach, describe, expect, test } from '@jest/globals'
import { raiseChannelNotices } from '../../src/channels/raise-channel-notices.ts'
import { notify } from '../../src/notify/notify.ts'
import { raiseNotices } from '../../src/notify/raise-notices.ts'
import { addBuild, addMember, addTag, judge, sha } from './flags.ts'
import { base, keptMails, root, run } from './kept-mails.ts'

/** A base that comes back to where people were told it is: `v1`, then `v2` (told), then anything, and `v2` again. */
const w = keptMails()

/** From when the base was at which digest, by its registry's clock; null: deleted. As the timeline is derived anew from its facts. */
async function timeline(...spans: [from: number, word: string | null][]): Promise<void> {
  const [, word] = spans.at(-1)!
  const id = await addTag(w.pg.sql, base, word === null ? null : { digest: sha(word), at: BigInt(spans.at(-1)![0]) })
  await w.pg.sql`delete from tag_span where tag_id = ${id}`
  for (const [seq, [from, at]] of spans.entries())
    if (at !== null)
      await w.pg.sql`
        insert into tag_span (tag_id, seq, digest, from_at, to_at, exact) values (${id}, ${seq}, ${sha(at)}, ${from}, ${spans[seq + 1]?.[0] ?? null}, true)`
}
const isOutdated = (to = 'v2') => judge(w.pg.sql, run, [{ base, from: sha('v1'), to: sha(to) }])
const isCurrent = () => judge(w.pg.sql, run, [])
const raised = async () => (await raiseNotices(w.deps())).raised
const roots = async () =>
  (await w.pg.sql<{ root: string }[]>`select root from notice order by id`).map((row) => row.root)

beforeEach(async () => {
  await addMember(w.pg.sql, 'app', 'ada')
  await addTag(w.pg.sql, run, { digest: sha(run) })
  await timeline([1, 'v1'], [10, 'v2'])
  await isOutdated()
  expect(await raised()).toBe(1)
})

describe('is told again', () => {
  test('where it went back, and forward again: once each time, whenever that is found out', async () => {
    await timeline([1, 'v1'], [10, 'v2'], [20, 'v1'])
    await isCurrent()
    expect(await raised()).toBe(0)
    await timeline([1, 'v1'], [10, 'v2'], [20, 'v1'], [30, 'v2'])
    await isOutdated()
    expect([await raised(), await raised()]).toEqual([1, 0])
    await timeline([1, 'v1'], [10, 'v2'], [20, 'v1'], [30, 'v2'], [40, 'x'], [50, 'v2'])
    expect([await raised(), await raised()]).toEqual([1, 0])
    expect(await roots()).toEqual([root, `${root}#2`, `${root}#3`])
  })

  test('in one mail where that was within a window, as one entry', async () => {
    await timeline([1, 'v1'], [10, 'v2'], [20, 'v1'], [30, 'v2'])
    await w.gather()
    const [mail, ...more] = await w.mails()
    expect(more).toEqual([])
    expect(mail!.text.split(`* ${run}`)).toHaveLength(2)
  })

  test('to a channel too', async () => {
    await w.pg.sql`
      insert into channel (namespace_key, name, kind, sealed, events, created_at) values ('app', 'c', 'webhook', '', '{outdated}', ${w.now()})`
    const told = async () => (await raiseChannelNotices(w.deps())).raised
    expect([await told(), await told()]).toEqual([1, 0])
    await timeline([1, 'v1'], [10, 'v2'], [20, 'v1'], [30, 'v2'])
    expect([await told(), await told()]).toEqual([1, 0])
  })
})

describe('is not told again', () => {
  test.each<[string, () => Promise<unknown>]>([
    ['where nothing happened', async () => {}],
    [
      'where the verdict came and went',
      () =>
        isCurrent()
          .then(raised)
          .then(() => isOutdated()),
    ],
    ['where it was found out more exactly when it moved', () => timeline([1, 'v1'], [8, 'v2'])],
    ['where that was later', () => timeline([1, 'v1'], [11, 'v2'])],
    ['where an import shows what was before', () => timeline([1, 'v1'], [3, 'v2'], [5, 'x'], [9, 'v2'])],
    ['where it was deleted, and pushed again', () => timeline([1, 'v1'], [10, 'v2'], [20, null], [30, 'v2'])],
    ['where nothing is known of its past any more', () => w.pg.sql`delete from tag_span`],
    ['where the clock is set back', async () => w.later(-86_400)],
    [
      'where a build of ours pushed what it is now: that is the cause it was built for',
      async () => {
        await addBuild(w.pg.sql, base, root, sha('v2'))
        await timeline([1, 'v1'], [10, 'v2'], [20, 'v1'], [30, 'v2'])
      },
    ],
    [
      'where what was told is of before the stay was kept, or odd',
      async () => {
        await w.pg.sql`update notice set content = content || '{"stay":"99999999999999999999"}'`
        await timeline([1, 'v1'], [10, 'v2'], [20, 'v1'], [30, 'v2'])
        expect(await raised()).toBe(0)
        await w.pg.sql`update notice set content = content - 'stay'`
      },
    ],
  ])('%s', async (_what, change) => {
    await change()
    await isOutdated()
    expect(await raised()).toBe(0)
    await notify(w.deps())
    expect(await roots()).toEqual([root])
  })
})
