import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { personCalled } from '../../src/access/principal.ts'
import { tagsReadBy } from '../../src/access/tags-read-by.ts'
import { configFor } from '../notify/config.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'

/** 60,000 tags of a namespace called "a", which come first by name, and ten of "z". */
let pg: TestDatabase
beforeAll(async () => {
  pg = await testDatabase()
  await pg.sql`insert into registry (id, name) values (1, 'reg:5000')`
  await pg.sql`
    insert into repository (id, registry_id, name, namespace)
    select n, 1, case when n > 1000 then 'z/' else 'a/' end || n, case when n > 1000 then 'z' else 'a' end
    from generate_series(1, 1002) as n`
  await pg.sql`
    insert into tag (repository_id, name, ref, head_digest, head_at, status)
    select r.id, 't' || n, 'reg:5000/' || r.name || ':t' || n, 'sha256:x', 1, 'current'
    from repository r, generate_series(1, 60) as n where r.namespace = 'a' or n <= 5`
  await pg.sql`insert into person (name) values ('small'), ('large')`
  await pg.sql`insert into namespace (key) values ('a'), ('z')`
  await pg.sql`insert into member values ('z', 'small', 'viewer'), ('a', 'large', 'viewer')`
  await pg.sql`vacuum analyze`
})
afterAll(() => pg.close())

type Node = {
  'Relation Name'?: string
  'Actual Rows': number
  'Actual Loops': number
  'Rows Removed by Filter'?: number
  Plans?: Node[]
}
/** Rows of `tag` that the database looked at for one page, as it says itself. */
async function looked(user: string): Promise<{ rows: number; tags: number }> {
  const d = { sql: pg.sql, config: configFor(['reg:5000']) }
  const mine = await tagsReadBy(d, personCalled(user))
  const page = () => pg.sql`
    select t.ref from ${mine.from()} t join repository r on r.id = t.repository_id join registry g on g.id = r.registry_id
    where ${mine.where()} order by t.ref limit 101`
  const [explained] = await pg.sql<{ 'QUERY PLAN': { Plan: Node }[] }[]>`explain (analyze, format json) ${page()}`
  const plan = (Object.values(explained!)[0] as { Plan: Node }[])[0]!.Plan
  const count = (node: Node): number =>
    (node['Relation Name'] === 'tag'
      ? (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)) * node['Actual Loops']
      : 0) + (node.Plans ?? []).reduce((sum, child) => sum + count(child), 0)
  return { rows: (await page()).length, tags: count(plan) }
}

test('who may read little has little looked at, wherever it stands in the order', async () => {
  expect(await looked('small')).toEqual({ rows: 10, tags: 10 })
})

test('who may read much finds a page soon', async () => {
  const { rows, tags } = await looked('large')
  expect(rows).toBe(101)
  expect(tags).toBeLessThan(1000)
})
