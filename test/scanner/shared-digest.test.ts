import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { dueTags, noteAsked } from '../../src/scanner/due-looks.ts'
import { forgetAnswers } from '../../src/scanner/note-answers.ts'
import { noteShown } from '../../src/scanner/note-shown.ts'
import { configFor } from '../notify/config.ts'
import { testDeps } from '../support/deps.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { portusVisit } from './portus-visit.ts'
import { changed, forgetTold, image, storeScannedWorld, until, visiting } from './scanner-service.ts'

/** app/run:1 was promoted to pub/run:1: the same digest. Its base lib/base is in a private namespace. */
let pg: TestDatabase
const run = image('app/run', 'base', 'run')
const promoted = image('pub/run', 'base', 'run')
beforeAll(async () => {
  pg = await testDatabase()
  await storeScannedWorld(pg)
  await pg.sql`insert into repository (registry_id, name, namespace) select registry_id, 'pub/run', 'pub' from repository where name = 'app/run'`
})
beforeEach(async () => {
  await forgetTold(pg)
  await pg.sql`
    insert into tag (repository_id, name, ref, head_digest)
    select r.id, '1', 'reg:5000/pub/run:1', t.head_digest from repository r, tag t where r.name = 'pub/run' and t.ref = 'reg:5000/app/run:1'`
})
afterEach(async () => {
  await pg.sql`delete from tag where ref = 'reg:5000/pub/run:1'`
  await pg.sql`update tag set ignored = null`
  await pg.sql`delete from namespace where key in ('lib', 'app')`
  await pg.sql`update cause set base = 'reg:5000/lib/base:1' where base = 'reg:5000/app/base:1'`
})
afterAll(() => pg.close())

const config = configFor(['reg:5000'], { scanner: true })
const deps = () => ({ ...testDeps(pg), clock: () => new Date(Date.now() + 120_000), config })
const dueNow = async () => {
  await changed(pg)
  await noteShown(deps(), new AbortController().signal)
  return dueTags(deps(), 100)
}
const due = async () => (await dueNow()).map(({ repository }) => repository)
const seen = (visited = run) => visiting(pg, (at) => portusVisit(at, visited))
const answered = async () =>
  new Map(
    (
      await pg.sql<
        { ref: string; answered: string }[]
      >`select ref, answered from portus_look where answered is not null`
    ).map((row) => [row.ref, row.answered]),
  )
/** Portus visits, and what it was answered with is noted for so many tags. */
const visit = (visited: typeof run, tags: number) =>
  visiting(pg, async (at) => {
    const found = await portusVisit(at, visited)
    await until(async () => [...(await answered()).values()].filter((hash) => hash !== '').length === tags)
    return found
  })

test('every tag of one digest is told the same, whichever repository Portus comes for, and all of them are answered', async () => {
  await pg.sql`insert into namespace (key, visibility) values ('lib', 'protected')`
  expect(await due()).toEqual(expect.arrayContaining(['app/run', 'pub/run']))
  const found = await visit(promoted, 2)
  expect(found).toEqual([
    expect.objectContaining({ Name: expect.stringContaining('Outdated base: reg:5000/lib/base:1') }),
  ])
  expect(await seen(run)).toEqual(found)
  expect([...(await answered()).keys()].sort()).toEqual(['reg:5000/app/run:1', 'reg:5000/pub/run:1'])
  const left = await due()
  expect(left).not.toContain('app/run')
  expect(left).not.toContain('pub/run')
})

test('a base of a private namespace is not named where another namespace has the same image, and is where none has it any more', async () => {
  await pg.sql`insert into namespace (key, visibility) values ('app', 'private')`
  await pg.sql`update cause set base = 'reg:5000/app/base:1' where tag_id = (select id from tag where ref = 'reg:5000/app/run:1')`
  expect((await visit(run, 2)).map(({ Name }) => Name)).toEqual(['Outdated base (withheld)'])
  await pg.sql`delete from tag where ref = 'reg:5000/pub/run:1'`
  expect(await due()).toContain('app/run')
  expect((await seen(run)).map(({ Name }) => Name)).toEqual([
    expect.stringContaining('Outdated base: reg:5000/app/base:1'),
  ])
})

test('an ignored tag of the same digest is answered with what the other shows', async () => {
  await pg.sql`update tag set ignored = '{}' where ref = 'reg:5000/pub/run:1'`
  expect(await visit(promoted, 2)).toHaveLength(1)
  expect(await due()).not.toContain('pub/run')
})

test.each([
  ['that is ignored since', 'ignored'],
  ['that is gone', 'gone'],
])('a tag %s is answered with nothing, and not asked for again', async (_, why) => {
  const leaf = image('app/leaf', 'base', 'run', 'leaf')
  await visit(leaf, 1)
  const [tag] = await pg.sql<{ id: number; head: string }[]>`
    select id, head_digest as head from tag where ref = 'reg:5000/app/leaf:1'`
  await pg.sql`delete from tag_span where tag_id = ${tag!.id}`
  await pg.sql`insert into tag_span (tag_id, seq, digest, from_at, to_at, exact) values (${tag!.id}, 0, ${tag!.head}, 1, 2, true)`
  if (why === 'ignored') await pg.sql`update tag set ignored = '{}' where id = ${tag!.id}`
  else await pg.sql`update tag set head_digest = null where id = ${tag!.id}`
  expect(await due()).toContain('app/leaf')
  expect(await visit(leaf, 0)).toEqual([])
  expect(await due()).not.toContain('app/leaf')
  await pg.sql`update tag set head_digest = ${tag!.head} where id = ${tag!.id}`
})

test('what changed goes before what is asked for again because of a start alone', async () => {
  await visit(run, 2)
  const tags = (await dueNow()).filter(({ repository }) => repository === 'app/tool')
  await noteAsked({ ...deps(), clock: () => new Date(Date.now() - 86_400_000) }, tags)
  await pg.sql`update portus_look set asked_at = now() where ref = 'reg:5000/app/tool:1'`
  await forgetAnswers(deps())
  const order = await due()
  expect(order.slice(-2).sort()).toEqual(['app/run', 'pub/run'])
  expect(order.slice(0, -2)).toContain('app/tool')
})
