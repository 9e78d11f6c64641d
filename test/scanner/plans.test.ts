import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import type { Fragment, Tx } from '../../src/db/postgres.ts'
import { mostTags, movedSql } from '../../src/scanner/outdated-features.ts'
import { byIndex, scannedSql } from '../../src/scanner/scanned-image.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { portusVisit, postLayers } from './portus-visit.ts'
import { blob, forgetTold, image, until, visiting } from './scanner-service.ts'

/** app/0 … app/29 share their top layer, and many/app has as many tags at one digest as are read and a hundred more; each in a namespace of its own. */
let pg: TestDatabase
const sharing = (n: number) => image(`app${n}/app`, `low${n}`, 'middle', 'top')
const many = image('many/app', 'many')
const base = 'reg:5000/lib/base:1'
beforeAll(async () => {
  pg = await testDatabase()
  const { sql } = pg
  // what PostgreSQL counted while nothing was there is what it goes by
  await sql`analyze`
  await sql`insert into registry (id, name) values (1, 'reg:5000')`
  await sql`insert into namespace (key, visibility) values ('lib', 'public'), ('many', 'private')`
  const of = [...Array.from({ length: 30 }, (_, n) => sharing(n)), many]
  for (const { repository, layers } of of) {
    const digest = blob(repository)
    await sql`insert into repository (registry_id, name, namespace) values (1, ${repository}, split_part(${repository}, '/', 1))`
    await sql`
      insert into manifest (digest, media_type, kind, platform, chain_ids, step_ids, solid_ids, layers)
      values (${digest}, 'x', 'image', 'linux/amd64', '{}', '{}', '{}', ${JSON.stringify(layers.map((one) => ({ digest: one })))}::text::jsonb)`
    await sql`
      insert into tag (repository_id, name, ref, head_digest, status)
      select id, n::text, 'reg:5000/' || name || ':' || n, ${digest}, 'outdated'
      from repository, generate_series(1, ${repository === 'many/app' ? mostTags + 100 : 1}) n where name = ${repository}`
  }
  await sql`
    insert into cause (tag_id, base, role, to_digest, evidence, confidence, still_at, platforms, counted, since)
    select id, ${base}, 'runtime', ${blob('v2')}, '{layers}', 'inferred', '{}', '{linux/amd64}', true, 1 from tag`
})
beforeEach(() => forgetTold(pg))
afterAll(() => pg.close())

type Node = {
  'Node Type': string
  'Relation Name'?: string
  'Actual Rows': number
  'Actual Loops': number
  Plans?: Node[]
}
/** The steps of a visit's statement that read a table. */
const steps = (statement: (tx: Tx) => Fragment): Promise<Node[]> =>
  byIndex(pg.sql, async (tx) => {
    const [explained] = await tx<object[]>`explain (analyze, format json) ${statement(tx)}`
    const all = (node: Node): Node[] => [node, ...(node.Plans ?? []).flatMap(all)]
    return all((Object.values(explained!)[0] as { Plan: Node }[])[0]!.Plan).filter((node) => node['Relation Name'])
  })
const rowsOf = (nodes: Node[], table: string) =>
  nodes
    .filter((node) => node['Relation Name'] === table)
    .reduce((sum, node) => sum + node['Actual Rows'] * node['Actual Loops'], 0)

test('each step of a visit goes by an index, also where its plan was made while next to nothing was there', async () => {
  await visiting(pg, async (at) => {
    for (let n = 0; n < 30; n++) await postLayers(at, sharing(n))
  })
  const moved = await steps((tx) => movedSql(tx, blob('top')))
  const listed = await steps(
    (tx) => tx`with ${scannedSql(tx, blob('top'))} select id from here union select id from gone`,
  )
  for (const nodes of [moved, listed]) {
    expect(new Set(nodes.map((node) => node['Relation Name']))).toEqual(
      new Set([
        'scanned_layer',
        'manifest',
        'index_entry',
        'tag',
        'tag_span',
        'repository',
        'registry',
        ...(nodes === moved ? ['cause'] : []),
      ]),
    )
    expect(nodes.filter((node) => node['Node Type'] === 'Seq Scan')).toEqual([])
  }
  // of thirty images with this top layer twenty are looked at, three layers each; of one of them the rest
  expect(rowsOf(moved, 'scanned_layer')).toBeLessThan(65)
  expect([rowsOf(moved, 'manifest'), rowsOf(moved, 'cause')]).toEqual([1, 1])
})

test('of an image with very many tags some are read for its answer, all are told, and nothing private is named for them', async () => {
  await visiting(pg, async (at) => {
    await postLayers(at, many)
    expect(rowsOf(await steps((tx) => movedSql(tx, blob('many'))), 'cause')).toBe(mostTags)
    expect((await portusVisit(at, many)).map(({ Name }) => Name)).toEqual([expect.stringContaining(base)])
    const answered = () => pg.sql<{ hash: string }[]>`select answered as hash from portus_look where answered <> ''`
    await until(async () => (await answered()).length === mostTags + 100)
    expect(new Set((await answered()).map(({ hash }) => hash)).size).toBe(1)
    await pg.sql`update cause set base = 'reg:5000/many/base:1' where tag_id in (select id from tag where ref like 'reg:5000/many/%')`
    expect((await portusVisit(at, many)).map(({ Name }) => Name)).toEqual(['Outdated base (withheld)'])
    // those that do not matter are in nobody's way
    await pg.sql`update tag set ignored = '{}' where ref like 'reg:5000/many/%' and name::int < ${mostTags + 100}`
    expect((await portusVisit(at, many)).map(({ Name }) => Name)).toEqual(['Outdated base (withheld)'])
    await pg.sql`delete from tag where ref like 'reg:5000/many/%' and name::int between 10 and ${mostTags}`
    expect((await portusVisit(at, many)).map(({ Name }) => Name)).toEqual([
      expect.stringContaining('reg:5000/many/base:1'),
    ])
  })
})

test('what was noted lately is not written anew', async () => {
  await visiting(pg, async (at) => {
    await portusVisit(at, sharing(1))
    const row = () =>
      pg.sql<{ at: Date; xmin: string }[]>`select answered_at as at, xmin::text from portus_look where answered <> ''`
    await until(async () => (await row()).length === 1)
    const [first] = await row()
    await portusVisit(at, sharing(1))
    // of another image, so that what was to be noted before is
    await portusVisit(at, sharing(2))
    await until(async () => (await row()).length === 2)
    expect(await row()).toContainEqual(first)
    await pg.sql`update portus_look set answered_at = now() - interval '2 hours'`
    await portusVisit(at, sharing(1))
    await until(
      async () => (await pg.sql`select from portus_look where answered_at > now() - interval '1 hour'`).length === 1,
    )
  })
})
