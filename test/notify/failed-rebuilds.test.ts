import { beforeEach, describe, expect, test } from '@jest/globals'
import { notify } from '../../src/notify/notify.ts'
import { addBuild, addMember, addOutdated, judge, sha } from './flags.ts'
import { base, keptMails, root, run, told } from './kept-mails.ts'

const w = keptMails()
const { deps, failedBuild, gather, later, mails, outdated, subjects, wants } = w
beforeEach(() => addMember(w.pg.sql, 'app', 'ada'))

const failed = `${run} could not be rebuilt`
const change = async (
  id: string,
  { kind = 'base-moved', ...to }: { ref?: string; root?: string | null; state?: string; kind?: string },
) => {
  if (Object.keys(to).length > 0) await w.pg.sql`update build set ${w.pg.sql(to)} where id = ${id}`
  await w.pg.sql`update build set reason = ${JSON.stringify({ kind })}::text::jsonb where id = ${id}`
}
/** Each minute all that is to be done is done, and what happens then happens. The mails of the meantime: after how many minutes, and what. */
const minuteByMinute = async (count: number, happens: Record<number, () => Promise<unknown>>) => {
  const start = w.now()
  for (let minute = 0; minute <= count; minute++) {
    await happens[minute]?.()
    await notify(deps())
    later(60)
  }
  return (await mails())
    .map(({ createdAt, subject }) => [(createdAt.getTime() - start.getTime()) / 60_000, subject])
    .filter(([minute]) => Number(minute) > 0)
    .toReversed()
}

describe('builds that fail time and again', () => {
  // as far apart as past-builds.ts tries again: each hour after outages, each 32 hours after faults of the tag
  test.each([
    ['daily', 1, 3],
    ['weekly', 32, 21],
    ['immediately', 1, 1],
  ] as const)('are told once, %s: tried each %d h for %d days', async (every, gap, days) => {
    await wants({ every, still: false })
    await outdated()
    for (let hour = 0; hour < days * 24; hour += gap) {
      await failedBuild(`try of hour ${hour}`)
      await notify(deps())
      later(gap * 1800)
      await notify(deps())
      later(gap * 1800)
    }
    expect(await subjects()).toEqual([`${told}; ${failed}`])
  })

  test('are told a window after the first of them, as the newest failed', async () => {
    await outdated()
    await gather()
    const arrived = await minuteByMinute(12, {
      0: () => failedBuild('the first'),
      2: () => failedBuild('the second'),
      4: () => addBuild(w.pg.sql, run, root, null, w.now()),
      7: () => failedBuild('the third'),
    })
    expect(arrived).toEqual([[5, failed]])
    const [mail] = await mails()
    expect(mail!.text).toContain('  | the second')
    expect(mail!.text).not.toContain('the first')
  })

  test('of several tags within a window are one mail', async () => {
    const refs = [1, 2, 3, 4].map((tag) => `r.test/app/run:${tag}`)
    for (const ref of refs) await addOutdated(w.pg.sql, ref, { base, from: sha('v1'), to: sha('v2') })
    await gather()
    const fails = async () => {
      for (const ref of refs) {
        await change(await failedBuild('no'), { ref })
        await notify(deps())
        later(1)
      }
    }
    expect(await minuteByMinute(12, { 0: fails, 1: fails })).toEqual([
      [expect.any(Number), '4 tags could not be rebuilt'],
    ])
  })

  test('by a schedule are told once, in the thread of the cause', async () => {
    await outdated()
    await gather()
    for (let night = 0; night < 5; night++) {
      await change(await failedBuild('no'), { root: null, kind: 'schedule' })
      await gather()
      later(86_400)
    }
    expect(await subjects()).toEqual([told, failed])
    const [first, second] = await w.pg.sql<
      { references: string[] }[]
    >`select "references" from mail order by created_at`
    expect(second).toEqual(first)
  })

  test('for a base that moves again meanwhile are one entry, with the newest failure', async () => {
    await outdated()
    await gather()
    await failedBuild('of v2')
    await notify(deps())
    await judge(w.pg.sql, run, [{ base, from: sha('v1'), to: sha('v3') }])
    await change(await failedBuild('of v3', new Date(w.now().getTime() + 1000)), { root: `${base}@${sha('v3')}` })
    await gather()
    const [mail] = await mails()
    const [, part] = mail!.text.split('REBUILDS THAT FAILED')
    expect(part!.split(`* ${run}`)).toHaveLength(2)
    expect(part).toContain('  | of v3')
    expect(part).not.toContain('of v2')
  })
})

describe('a failure that waits to be told', () => {
  const ended =
    (state: string, kind = 'base-moved') =>
    async () => {
      const id = await addBuild(w.pg.sql, run, root, sha('new'), w.now())
      await change(id, { state, kind })
    }

  test.each<[string, () => Promise<unknown>]>([
    ['the tag is not outdated any more', () => judge(w.pg.sql, run, [])],
    ['a build succeeded, and the tag is looked at later', ended('succeeded')],
    ['a build that somebody asked for succeeded', ended('succeeded', 'manual')],
  ])('goes where %s; a later failure is told', async (_what, end) => {
    await outdated()
    await gather()
    expect(await minuteByMinute(10, { 0: () => failedBuild('no'), 2: end })).toEqual([])
    expect(await w.pg.sql`select 1 from notice where mail_id is null`).toHaveLength(0)
    await outdated()
    await failedBuild('no', w.now())
    await gather()
    expect(await subjects()).toEqual([told, failed])
  })

  test.each<[string, () => Promise<unknown>]>([
    ['is queued', ended('queued')],
    ['runs', ended('running')],
    ['was cancelled', ended('cancelled')],
    ['was asked for by somebody, and failed', ended('failed', 'manual')],
  ])('stays where a build %s', async (_what, happens) => {
    await outdated()
    await gather()
    expect(await minuteByMinute(10, { 0: () => failedBuild('no'), 2: happens })).toEqual([[5, failed]])
    expect((await mails())[0]!.text).toContain('  | no')
  })

  test('cuts short no window of what is told beside it, where it goes', async () => {
    const other = 'r.test/app/other:1'
    await outdated()
    await gather()
    const arrived = await minuteByMinute(12, {
      0: () => failedBuild('no'),
      3: () => judge(w.pg.sql, run, []),
      4: () => addOutdated(w.pg.sql, other, { base, from: sha('v1'), to: sha('v2') }),
    })
    expect(arrived).toEqual([[9, `${other} is outdated: ${base} has moved`]])
  })
})
