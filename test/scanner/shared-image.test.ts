import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { askPortus } from '../../src/scanner/ask-portus.ts'
import { type DueTag, dueTags, noteAsked } from '../../src/scanner/due-looks.ts'
import { noteShown } from '../../src/scanner/note-shown.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import {
  blob,
  changed,
  forgetTold,
  image,
  type Scanner,
  startScanner,
  storeScannedWorld,
  until,
} from './scanner-service.ts'
import { type SmallPortus, smallPortus } from './small-portus.ts'

/** app/tool:1 is an index with the outdated image that app/tool:1-amd64 is at, which a policy ignores. */
let pg: TestDatabase
let portus: SmallPortus
let scanner: Scanner
let later = 0
const tool = image('app/tool', 'base', 'tool')
const never = new AbortController().signal
beforeAll(async () => {
  pg = await testDatabase()
  await storeScannedWorld(pg)
  const [tag] = await pg.sql<{ id: number; head: string }[]>`
    select id, head_digest as head from tag where ref = 'reg:5000/app/tool:1'`
  await pg.sql`update cause set counted = tag_id = ${tag!.id}`
  await pg.sql`insert into manifest (digest, media_type, kind) values (${blob('index')}, 'x', 'index')`
  await pg.sql`insert into index_entry (index_digest, position, manifest_digest) values (${blob('index')}, 0, ${tag!.head})`
  await pg.sql`
    insert into tag (repository_id, name, ref, head_digest, ignored)
    select repository_id, '1-amd64', 'reg:5000/app/tool:1-amd64', head_digest, '{}' from tag where id = ${tag!.id}`
  await pg.sql`update tag set head_digest = ${blob('index')} where id = ${tag!.id}`
})
beforeEach(async () => {
  later = 0
  await forgetTold(pg)
  await flag(true)
})
afterAll(() => pg.close())

const flag = (counted: boolean) => pg.sql`
  update cause set counted = ${counted} where tag_id = (select id from tag where ref = 'reg:5000/app/tool:1')`
const deps = () => ({ ...scanner.d, clock: () => new Date(Date.now() + later) })
const look = async () => {
  await portus.scan(scanner.at)
  later += 90_000
  await changed(pg)
  await askPortus(deps(), never)
}
const shown = () => ['1', '1-amd64'].map((name) => portus.page('app/tool', name).length)
const answered = () => pg.sql<{ ref: string }[]>`
  select ref from portus_look where answered is not distinct from wanted order by ref`
const due = async () => {
  await changed(pg)
  await noteShown(deps(), never)
  return (await dueTags(deps(), 100)).sort((a, b) => (a.ref < b.ref ? -1 : 1))
}
const inPortus = async (work: () => Promise<void>) => {
  portus = await smallPortus()
  const account = { url: portus.url, caFile: null, insecure: false, username: 'boss', token: 't0ken' }
  scanner = await startScanner(pg, { portus: account })
  const [amd64] = await pg.sql<{ head: string }[]>`
    select head_digest as head from tag where ref = 'reg:5000/app/tool:1-amd64'`
  portus.push({ ...tool, name: '1', digest: blob('index') })
  portus.push({ ...tool, name: '1-amd64', digest: amd64!.head })
  try {
    await work()
  } finally {
    await scanner.close()
    await portus.close()
  }
}

test('a flag that is shown at an image because of an index with it goes there too, and comes again', () =>
  inPortus(async () => {
    for (const [counted, count] of [
      [true, 1],
      [false, 0],
      [true, 1],
    ] as const) {
      await flag(counted)
      await until(async () => {
        await look()
        return shown().every((now) => now === count) && (await answered()).length === 2 * count
      })
      // then nothing is asked for any more
      const before = portus.asked.length
      await look()
      expect(portus.asked).toHaveLength(before)
    }
  }))

test('a visit for one of them counts at the other only where Portus was asked to look at that, too', () =>
  inPortus(async () => {
    await portus.scan(scanner.at)
    const both = await due()
    expect(both.map(({ tag }) => tag)).toEqual(['1', '1-amd64'])
    const visited = async (asked: DueTag[], count: number) => {
      await noteAsked(deps(), asked)
      portus.push({ ...tool, name: '1', digest: blob('index') })
      await portus.scan(scanner.at)
      await until(async () => (await answered()).length === count)
    }
    await visited(both, 2)
    await flag(false)
    const gone = await due()
    expect(gone.map(({ tag, shown }) => [tag, shown])).toEqual([
      ['1', ''],
      ['1-amd64', ''],
    ])
    await visited(gone.slice(0, 1), 1)
    expect((await due()).map(({ tag }) => tag)).toEqual(['1-amd64'])
  }))
