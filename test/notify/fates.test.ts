import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import type { Outlook } from '../../src/notify/digest-outline.ts'
import { fateOf, type SinceThen } from '../../src/notify/fates.ts'
import { notify } from '../../src/notify/notify.ts'
import { putNotifySettings } from '../../src/notify/notify-settings.ts'
import { testDeps } from '../support/deps.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { configFor, vault } from './config.ts'
import { addBuild, addMember, addOutdated, addTag, judge, nanoseconds, sha, wipe } from './flags.ts'

describe('what is told of a cause that is over', () => {
  const gone = { sameRoot: false, pushed: false, baseHead: 'v2' }
  test.each<[Outlook['fate'], SinceThen, Outlook['fate'] | null, string]>([
    ['current', { ...gone, baseHead: 'v1' }, null, 'the base is back: nothing'],
    ['outdated', { ...gone, baseHead: 'v1' }, null, 'the base is back, another has moved: nothing of this one'],
    ['current', { ...gone, pushed: true }, 'current', 'rebuilt'],
    ['outdated', { ...gone, pushed: true }, 'replaced', 'rebuilt, and outdated by another'],
    ['current', gone, 'settled', 'neither: what is known of it has changed'],
    ['current', { ...gone, baseHead: null }, 'settled', 'the base was deleted'],
    ['outdated', { ...gone, sameRoot: true, baseHead: 'v1' }, 'outdated', 'what is between was rebuilt for it'],
    ['unknown', gone, 'unknown', 'it cannot be judged'],
    ['deleted', gone, 'deleted', 'the tag is gone'],
  ])('%s, %j: %s (%s)', (tag, then, fate) => {
    expect(fateOf({ to: 'v2' }, tag, then)).toBe(fate)
  })
})

let pg: TestDatabase
let now: Date
beforeAll(async () => {
  pg = await testDatabase()
})
beforeEach(async () => {
  await wipe(pg.sql)
  await pg.sql`truncate notify_person, notify_namespace cascade`
  await pg.sql`insert into namespace (key, visibility) values ('lib', 'public')`
  now = new Date('2026-11-21T03:00:00.000Z')
  for (const name of [base, other]) await addTag(pg.sql, name, { digest: sha('v2') })
})
afterAll(() => pg.close())

const base = 'r.test/lib/base:1'
const other = 'r.test/lib/other:1'
const run = 'r.test/app/run:1'
const deps = () => ({
  ...testDeps(pg),
  ...{ clock: () => now, vault, mailer: null, config: configFor(['r.test'], { smtpUrl: null }) },
})
const gathered = async (meanwhile: () => Promise<unknown>) => {
  await notify(deps())
  await meanwhile()
  now = new Date(now.getTime() + 300_000)
  await notify(deps())
  const mails = await pg.sql<
    { subject: string; text: string }[]
  >`select subject, text from mail order by created_at, "to"`
  return mails.map(({ subject, text }) => ({ subject, text: text.replace(/\s+/g, ' ') }))
}
const moved = { base, from: sha('v1'), to: sha('v2') }
const otherMoved = { base: other, from: sha('o1'), to: sha('v2') }

describe('within the window', () => {
  beforeEach(() => addMember(pg.sql, 'app', 'ada'))

  test('a base that went back is no news, and is when it moves again', async () => {
    await addOutdated(pg.sql, run, moved)
    const back = async () => {
      await addTag(pg.sql, base, { digest: sha('v1') })
      await judge(pg.sql, run, [])
    }
    expect(await gathered(back)).toEqual([])
    expect(await pg.sql`select from notice`).toHaveLength(0)
    await addTag(pg.sql, base, { digest: sha('v2') })
    await judge(pg.sql, run, [moved])
    expect(await gathered(async () => {})).toHaveLength(1)
  })

  test('nor is it where another moved, which alone is told', async () => {
    await addOutdated(pg.sql, run, moved, otherMoved)
    const [mail, ...more] = await gathered(async () => {
      await addTag(pg.sql, base, { digest: sha('v1') })
      await judge(pg.sql, run, [otherMoved])
    })
    expect(more).toEqual([])
    expect(mail!.subject).toBe(`${run} is outdated: ${other} has moved`)
    expect(mail!.text).not.toContain(`Base ${base}`)
  })

  test('a tag that was pushed anew was rebuilt, also where another base outdates it', async () => {
    await addOutdated(pg.sql, run, moved, otherMoved)
    const [mail] = await gathered(async () => {
      await addTag(pg.sql, run, { digest: sha('new'), at: nanoseconds(now) })
      await judge(pg.sql, run, [otherMoved])
    })
    expect(mail!.text).toContain('already rebuilt: this base makes it outdated no more, but another does')
  })

  test('nor is it called otherwise where the clock of its registry is behind that of its base', async () => {
    await addOutdated(pg.sql, run, moved)
    const [mail] = await gathered(async () => {
      await addBuild(pg.sql, run, `${base}@${sha('v2')}`, sha('new'), now)
      const at = new Date('2026-11-21T02:57:31Z')
      await addTag(pg.sql, run, { digest: sha('new'), at: nanoseconds(at) })
      await judge(pg.sql, run, [])
    })
    expect(mail!.text).toContain('already rebuilt')
    expect(mail!.text).not.toContain('it was not rebuilt')
  })

  test('what nobody rebuilt is not called rebuilt', async () => {
    await addOutdated(pg.sql, run, moved)
    const [mail] = await gathered(() => judge(pg.sql, run, []))
    expect(mail!.subject).toBe(`${run} was outdated: ${base} has moved`)
    expect(mail!.text).not.toContain('already rebuilt')
    expect(mail!.text).toContain('not outdated by it any more, though it was not rebuilt')
  })

  test('a grandchild whose parent was rebuilt for it is outdated still, by the same root', async () => {
    const child = 'r.test/lib/child:1'
    await addTag(pg.sql, child, { digest: sha('c1') })
    await addOutdated(pg.sql, run, { ...moved, via: child })
    const [mail, ...more] = await gathered(async () => {
      await addBuild(pg.sql, child, `${base}@${sha('v2')}`, sha('c2'), now)
      await addTag(pg.sql, child, { digest: sha('c2'), at: nanoseconds(now) })
      await judge(pg.sql, run, [{ base: child, to: sha('c2') }])
    })
    expect(more).toEqual([])
    expect(mail!.subject).toBe(`${run} is outdated: ${base} has moved`)
  })
})

test.each([
  ['{"build": {"id": "no uuid"}}', 'build.id'],
  ['{"build": {"id": 5}}', 'build.id'],
  ['{"since": "99999999999999999999"}', 'since'],
  ['{"base": {"x": 1}}', 'base'],
  ['{"evidence": null}', 'evidence'],
])('one notice with %s holds up nobody, and keeps its reason', async (odd, where) => {
  for (const name of ['ada', 'bob']) await addMember(pg.sql, 'app', name)
  await addOutdated(pg.sql, run, moved)
  await addOutdated(pg.sql, 'r.test/app/run:2', moved)
  const mails = await gathered(
    () => pg.sql`update notice set content = content || ${odd}::text::jsonb where user_name = 'ada' and ref = ${run}`,
  )
  expect(mails).toHaveLength(2)
  const waiting = await pg.sql`select user_name, ref, error from notice where mail_id is null`
  expect(waiting).toEqual([{ userName: 'ada', ref: run, error: expect.stringContaining(where) }])
})

test('subject and opening count the same: what is outdated still', async () => {
  await addMember(pg.sql, 'app', 'ada')
  await putNotifySettings(deps(), 'ada', {
    ...{ every: 'immediately', timeZone: 'UTC', hour: 8, rebuilt: false, failed: true, still: true, namespaces: {} },
  })
  for (const tag of [1, 2, 3, 4]) await addOutdated(pg.sql, `r.test/app/run:${tag}`, moved)
  const [mail] = await gathered(async () => {
    await addTag(pg.sql, run, { digest: sha('new'), at: nanoseconds(now) })
    await judge(pg.sql, run, [])
  })
  expect(mail!.subject).toBe(`3 tags are outdated: ${base} has moved`)
  expect(mail!.text).toContain(
    '3 tags you look after are outdated: a base they are built on has moved. What has become of 1 more is said below.',
  )
})
