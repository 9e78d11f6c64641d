import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { connect, type Sql } from '../../src/db/postgres.ts'
import { askPortus } from '../../src/scanner/ask-portus.ts'
import { dueTags } from '../../src/scanner/due-looks.ts'
import { markTags } from '../../src/scanner/mark-shown.ts'
import { noteShown } from '../../src/scanner/note-shown.ts'
import { configFor } from '../notify/config.ts'
import { testDeps } from '../support/deps.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { forgetTold } from './scanner-service.ts'
import { type SmallPortus, smallPortus } from './small-portus.ts'

/** Tags reg:5000/many/app:1 … 20000, each at a digest of its own and outdated. */
const flagged = 20_000
const few = 1500
let pg: TestDatabase
let sql: Sql
let portus: SmallPortus
let later = 0
beforeAll(async () => {
  pg = await testDatabase()
  // one connection: it can be asked what it has read
  sql = connect(pg.url, { max: 1 })
  portus = await smallPortus()
  await sql`insert into registry (id, name) values (1, 'reg:5000')`
  await sql`insert into repository (id, registry_id, name, namespace) values (1, 1, 'many/app', 'many')`
  await sql`
    insert into tag (repository_id, name, ref, head_digest, status)
    select 1, n::text, 'reg:5000/many/app:' || n, 'sha256:' || n, 'outdated' from generate_series(1, ${flagged}) n`
  await sql`
    insert into cause (tag_id, base, role, to_digest, evidence, confidence, still_at, platforms, counted, since)
    select id, 'reg:5000/lib/base:1', 'runtime', 'sha256:new', '{layers}', 'inferred', '{}', '{linux/amd64}', true, 1 from tag`
})
beforeEach(async () => {
  later = 0
  await forgetTold(pg)
  await run()
  await sql`vacuum analyze`
})
afterEach(() => sql`update cause set to_digest = 'sha256:new'`)
afterAll(async () => {
  await portus.close()
  await sql.end()
  await pg.close()
})

const account = () => ({ url: portus.url, caFile: null, insecure: false, username: 'boss', token: 't0ken' })
const deps = () => ({
  ...testDeps(pg),
  sql,
  clock: () => new Date(Date.now() + later),
  config: configFor(['reg:5000'], { scanner: true, portus: account() }),
})
const never = new AbortController().signal
/** The job, half a minute after it ran last. */
const run = async () => {
  later += 30_000
  await askPortus(deps(), never)
}
/** Rows that this reads. Whatever the tests read themselves they read by the same connection, which has told it before. */
async function rowsRead(work: () => Promise<void>): Promise<number> {
  const all = async () => {
    await sql`select pg_stat_force_next_flush()`
    const [row] = await sql<{ count: number }[]>`
      select sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::int as count from pg_stat_user_tables
      where relname in ('tag', 'cause', 'portus_look', 'portus_mark', 'repository', 'index_entry', 'clair_look')`
    return row!.count
  }
  const before = await all()
  await work()
  return (await all()) - before
}
const answerAll = () => sql`
  update portus_look set answered = wanted, answered_at = now(), tries = 0, next_at = now() + interval '1 day'`
const asked = () => sql<{ ref: string }[]>`select ref from portus_look where tries > 0 order by ref`

test('a run with five due tags among very many that were answered does not go through these', async () => {
  await answerAll()
  const five = [7, 77, 777, 7777, 17_777].map((n) => `reg:5000/many/app:${n}`).sort()
  await sql`update cause set to_digest = 'sha256:newer' where tag_id in (select id from tag where ref = any(${five}))`
  await markTags(sql, five)
  expect(await rowsRead(run)).toBeLessThan(few)
  expect((await asked()).map(({ ref }) => ref)).toEqual(five)
  expect(await sql`select from portus_mark`).toHaveLength(0)
})

test('with everything due, each run takes the next hundred, and does not go through the others', async () => {
  const before = (await asked()).length
  for (const runs of [1, 2, 3]) {
    expect(await rowsRead(run)).toBeLessThan(few)
    expect(await asked()).toHaveLength(before + 100 * runs)
  }
})

test('what nobody marked is found by a sweep of all, once a day, and at a start', async () => {
  await answerAll()
  await sql`update cause set to_digest = 'sha256:unmarked' where tag_id = (select id from tag where name = '5')`
  await run()
  expect(await asked()).toEqual([])
  later += 25 * 3_600_000
  await sql`update portus_look set next_at = ${new Date(Date.now() + later + 3_600_000)}`
  await run()
  expect(await asked()).toEqual([{ ref: 'reg:5000/many/app:5' }])
})

test('a mark is not lost where the process ends before what it says is stored', async () => {
  await answerAll()
  await sql`update cause set to_digest = 'sha256:newer' where tag_id = (select id from tag where name = '9')`
  await markTags(sql, ['reg:5000/many/app:9'])
  const config = {
    ...deps().config,
    // read after the marks were taken
    get publicUrl(): string {
      throw new Error('ended here')
    },
  }
  await expect(noteShown({ ...deps(), config }, never)).rejects.toThrow('ended here')
  expect(await sql`select from portus_mark`).toHaveLength(1)
  await noteShown(deps(), never)
  expect(await dueTags(deps(), 100)).toEqual([expect.objectContaining({ tag: '9' })])
})
