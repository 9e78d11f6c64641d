import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { Fragment } from '../../src/db/postgres.ts'
import { freshNotices } from '../../src/notify/raise-notices.ts'
import { noteOver, toTellAnew } from '../../src/notify/stops.ts'
import { barredMails } from '../../src/notify/take-back.ts'
import { withdrawUnwanted } from '../../src/notify/withdraw-unwanted.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { configFor } from './config.ts'
import { sha } from './flags.ts'

/** 2,000 images of five namespaces that one base left behind, and one rule that names five people for all of them. */
let pg: TestDatabase
beforeAll(async () => {
  pg = await testDatabase()
  const { sql } = pg
  await sql`insert into registry (id, name) values (1, 'r.test')`
  await sql`
    insert into repository (id, registry_id, name, namespace)
    select n, 1, 'team' || n % 5 || '/app' || n, 'team' || n % 5 from generate_series(1, 2000) n`
  await sql`
    insert into tag (repository_id, name, ref, head_digest, head_at, status)
    select id, '1', 'r.test/' || name || ':1', 'sha256:x', 1, 'outdated' from repository`
  await sql`
    insert into cause (tag_id, base, role, to_digest, evidence, confidence, still_at, platforms, counted, since)
    select id, 'r.test/lib/base:1', 'runtime', ${sha('v2')}, '{layers}', 'inferred', '{}', '{linux/amd64}', true, 1 from tag`
  await sql`insert into namespace (key) select 'team' || n from generate_series(0, 4) n`
  await sql`insert into person (name, email) select 'p' || n, 'p' || n || '@example.org' from generate_series(0, 4) n`
  await sql`insert into owner_rule values ('file', 1, 'r.test', '*', '', '{p0,p1,p2,p3,p4}')`
})
afterAll(() => pg.close())

type Node = {
  'Relation Name'?: string
  'Actual Rows': number
  'Actual Loops': number
  'Rows Removed by Filter'?: number
  'Rows Removed by Join Filter'?: number
  Plans?: Node[]
}
/** Rows that the database looked at, as it says itself: in all, or of one table. */
async function looked(statement: Fragment, table?: string): Promise<number> {
  const [explained] = await pg.sql<{ 'QUERY PLAN': { Plan: Node }[] }[]>`explain (analyze, format json) ${statement}`
  const plan = (Object.values(explained!)[0] as { Plan: Node }[])[0]!.Plan
  const count = (node: Node): number => {
    const rows =
      node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0) + (node['Rows Removed by Join Filter'] ?? 0)
    const own = table === undefined || node['Relation Name'] === table ? rows * node['Actual Loops'] : 0
    return own + (node.Plans ?? []).reduce((sum, child) => sum + count(child), 0)
  }
  return count(plan)
}

test.each(['as the planner finds it', 'analyzed'])(
  'whom a rule names for many repositories is found once for each: %s',
  async (how) => {
    if (how === 'analyzed') await pg.sql`analyze`
    const fresh = () => pg.sql`with ${freshNotices(pg.sql, configFor(), new Date())} select hearer, ref from fresh`
    expect(await fresh()).toHaveLength(10_000)
    // of each of the 2,000 a few rows, of each of the 10,000 a few: 8,000,000 where all are compared with all of a namespace
    expect(await looked(fresh())).toBeLessThan(500_000)
  },
)

test('and so it is when their mails are about to be sent', async () => {
  const { sql } = pg
  const root = `r.test/lib/base:1@${sha('v2')}`
  const mails = await sql<{ id: string }[]>`
    insert into mail (message_id, user_name, "to", subject, text, html, state)
    select name, name, email, '', '', '', 'pending' from person returning id`
  await sql`
    insert into notice (user_name, namespace, ref, root, content, mail_id)
    select m.user_name, r.namespace, t.ref, ${root}, '{}', m.id from mail m cross join tag t join repository r on r.id = t.repository_id`
  const barred = () =>
    sql`with ${barredMails(
      sql,
      mails.map(({ id }) => id),
    )} select mail_id from barred`
  expect(await barred()).toEqual([])
  expect(await looked(barred())).toBeLessThan(500_000)
})

test('what people want is gone through once, however much waits for them', async () => {
  const { sql } = pg
  await sql`update notice set mail_id = null`
  await sql`insert into person (name) select 'q' || n from generate_series(1, 500) n`
  await sql`insert into notify_person (user_name, failed) select name, name <> 'p4' from person`
  await sql`update notice set kind = 'failed' where user_name = 'p4' and ref like '%0:1'`
  expect(await looked(withdrawUnwanted(sql), 'notify_person')).toBeLessThan(2000)
  expect(await sql`select from notice where user_name = 'p4'`).toHaveLength(1800)
  expect(await sql`select from notice`).toHaveLength(9800)
})

test('of mails that failed those of plans are found by these plans, however many there are of either', async () => {
  const { sql } = pg
  await sql`insert into plan (root, state, stops) select 'r' || n, case when n % 2 = 0 then 'stopped' else 'done' end::plan_state, 2 from generate_series(1, 2000) n`
  const mail = (values: Fragment) => sql`
    insert into mail (message_id, user_name, "to", subject, text, html, state, error, plan_id, plan_stop) ${values}`
  await mail(
    sql`select 'm' || n, 'p0', 'p0@x', '', '', '', 'failed', 'refused', null, null from generate_series(1, 2000) n`,
  )
  await mail(
    sql`select 'p' || id, 'p0', 'p0@x', '', '', '', 'failed', 'refused', id, stops from plan where root like '%00'`,
  )
  await mail(
    sql`select 'q' || id, 'p0', 'p0@x', '', '', '', 'failed', 'refused', id, 1 from plan where root like '%00'`,
  )
  await sql`analyze`
  expect(await toTellAnew(sql)).toHaveLength(20)
  expect(await looked(toTellAnew(sql))).toBeLessThan(20_000)
  expect(await looked(noteOver(sql))).toBeLessThan(20_000)
  expect(await sql`select from mail where error like '%not stopped any more'`).toHaveLength(20)
  expect((await noteOver(sql)).count).toBe(0)
})
