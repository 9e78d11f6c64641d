import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { raiseNotices } from '../../src/notify/raise-notices.ts'
import { addSnooze, removeSnooze } from '../../src/policy/snoozes.ts'
import { configFor } from '../notify/config.ts'
import { addMember, addOutdated, judge, sha, wipe } from '../notify/flags.ts'
import { testDeps } from '../support/deps.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'

let pg: TestDatabase
let now: Date
const day = 86_400_000
const pass = (days: number) => {
  now = new Date(now.getTime() + days * day)
}
const base = 'r.test/lib/base:1'
const run = 'r.test/app/run:1'
const leaf = 'r.test/app/leaf:1'
const d = () => ({ ...testDeps(pg), clock: () => now, config: configFor() })
const raised = async () => (await raiseNotices(d())).raised
const roots = async () =>
  (await pg.sql<{ ref: string; root: string }[]>`select ref, root from notice order by id`).map(
    ({ ref, root }) => `${ref} ${root}`,
  )
const snooze = (kind: 'tag' | 'base', ref: string, days: number) =>
  addSnooze(d(), {
    kind,
    ref,
    reason: 'a release is being cut',
    author: 'ada',
    expiresAt: new Date(now.getTime() + days * day),
  })

beforeAll(async () => {
  pg = await testDatabase()
})
afterAll(() => pg.close())
beforeEach(async () => {
  now = new Date('2026-11-21T03:00:00Z')
  await wipe(pg.sql)
  await pg.sql`truncate snooze`
  await addMember(pg.sql, 'app', 'ada')
  await addOutdated(pg.sql, run, { base, to: sha('v2') })
  await addOutdated(pg.sql, leaf, { base, to: sha('v2'), via: run })
})

test('a snoozed tag is told when the snooze ends, and once; others are told at once', async () => {
  await snooze('tag', run, 14)
  expect(await raised()).toBe(1)
  expect(await roots()).toEqual([`${leaf} ${base}@${sha('v2')}`])
  pass(13)
  expect(await raised()).toBe(0)
  pass(1)
  expect([await raised(), await raised()]).toEqual([1, 0])
  expect((await roots()).at(-1)).toBe(`${run} ${base}@${sha('v2')}`)
})

test.each([
  ['the root of', base, 2],
  ['what is between of', run, 1],
] as const)('a snoozed base that is %s a cause', async (_which, ref, quiet) => {
  await snooze('base', ref, 2)
  expect(await raised()).toBe(2 - quiet)
  pass(2)
  expect([await raised(), await raised()]).toEqual([quiet, 0])
})

test('a cause of another base is told all the same', async () => {
  await snooze('base', base, 2)
  await judge(pg.sql, run, [
    { base, to: sha('v2') },
    { base: 'r.test/lib/other:1', to: sha('o2') },
  ])
  expect(await raised()).toBe(1)
  expect(await roots()).toEqual([`${run} r.test/lib/other:1@${sha('o2')}`])
})

test('what was told before the snooze is told again when it has ended: as if the flag had just come', async () => {
  expect(await raised()).toBe(2)
  await pg.sql`insert into mail (message_id, user_name, "to", subject, text, html, state) values ('<1>', 'ada', 'a@b', '', '', '', 'sent')`
  await pg.sql`update notice set mail_id = (select id from mail)`
  pass(1)
  await snooze('tag', run, 2)
  expect(await raised()).toBe(0)
  pass(2)
  expect([await raised(), await raised()]).toEqual([1, 0])
  expect((await roots()).at(-1)).toBe(`${run} ${base}@${sha('v2')}#2`)
  pass(1)
  await snooze('base', base, 2)
  pass(3)
  expect([await raised(), await raised()]).toEqual([2, 0])
})

test('nothing is told of a tag that is current when its snooze ends', async () => {
  await snooze('base', base, 1)
  await judge(pg.sql, run, [])
  await judge(pg.sql, leaf, [])
  pass(2)
  expect(await raised()).toBe(0)
})

test('a notice that waits for its mail is taken back, of the tag or of the base; one that was mailed stays', async () => {
  await raised()
  await snooze('tag', run, 1)
  expect(await roots()).toEqual([`${leaf} ${base}@${sha('v2')}`])
  await snooze('base', base, 1)
  expect(await roots()).toEqual([])
  pass(1)
  expect(await raised()).toBe(2)
})

test('removed, it holds nothing up any more', async () => {
  const { id } = await snooze('base', base, 300)
  expect(await raised()).toBe(0)
  expect([await removeSnooze(d(), id), await removeSnooze(d(), id)]).toEqual([true, false])
  expect(await raised()).toBe(2)
})

test('another one for the same takes its place', async () => {
  const first = await snooze('tag', run, 1)
  const second = await snooze('tag', run, 9)
  expect(second).toMatchObject({ id: first.id })
  pass(2)
  expect(await raised()).toBe(1)
  expect(await roots()).toEqual([`${leaf} ${base}@${sha('v2')}`])
})

test('mails and builds are looked at when it begins, and just after it ends', async () => {
  await pg.sql`delete from graphile_worker._private_jobs`
  const { expiresAt } = await snooze('tag', run, 14)
  const jobs = await pg.sql<{ task: string; runAt: Date }[]>`
    select t.identifier as task, j.run_at from graphile_worker._private_jobs j
    join graphile_worker._private_tasks t on t.id = j.task_id order by j.run_at > ${expiresAt}, t.identifier`
  expect(jobs.map(({ task, runAt }) => [task, runAt > expiresAt])).toEqual([
    ['notify', false],
    ['plan', false],
    ['notify', true],
    ['plan', true],
  ])
})

test('a tag that does not matter is not told of', async () => {
  await pg.sql`update tag set ignored = '{}' where ref = ${run}`
  expect(await raised()).toBe(1)
  expect(await roots()).toEqual([`${leaf} ${base}@${sha('v2')}`])
  await pg.sql`update tag set ignored = null`
  expect(await raised()).toBe(1)
})
