import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { listNewer } from '../../src/policy/list-newer.ts'
import { newerBases } from '../../src/policy/newer-bases.ts'
import { type Loose, startApi, type TestApi } from '../api/start-api.ts'
import { addTag, sha, wipe } from '../notify/flags.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'

let pg: TestDatabase
let api: TestApi
const host = 'reg:5000'
beforeAll(async () => {
  pg = await testDatabase()
  api = await startApi(pg)
})
afterAll(async () => {
  await api.close()
  await pg.close()
})

const add = (name: string) => addTag(pg.sql, `${host}/${name}`, { digest: sha(name) })
/** A tag on these bases, as a verdict has it. */
async function on(name: string, ...bases: string[]): Promise<void> {
  const id = await add(name)
  const shown = bases.map((ref) => ({
    ref,
    digest: null,
    role: 'runtime',
    evidence: [],
    confidence: 'declared',
    pinned: false,
  }))
  const platforms = JSON.stringify([{ platform: 'linux/amd64', digest: sha(name), status: 'current', bases: shown }])
  await pg.sql`update tag set platforms = ${platforms}::text::jsonb where id = ${id}`
}
/** A repository of a registry outside: one tag known, all names listed. */
async function outside(known: string, names: string[]): Promise<void> {
  const id = await addTag(pg.sql, `docker.io/${known}`, { digest: sha(known) })
  await pg.sql`update registry set outside = true where name = 'docker.io'`
  await pg.sql`insert into tag_listing (repository_id, names, listed_at) select repository_id, ${names}, now() from tag where id = ${id}`
}
const newer = (base: string, within: string | null, newest: string | null = null) => ({ base, newer: within, newest })
const base = (tag: string) => `${host}/lib/base:${tag}`

beforeEach(async () => {
  await wipe(pg.sql)
  for (const tag of ['12.5', '12.6', '13.1', 'latest', '12', '12.7-slim', '12.8-rc1']) await add(`lib/base:${tag}`)
  await outside('library/debian:12.5', ['12.5', '12.10', '12.9-slim', 'bookworm', 'bookworm-20240211'])
})

test('a tag says which of its bases have a newer tag', async () => {
  await on(
    'app/run:1',
    base('12.5'),
    base('12'),
    base('12.6'),
    'docker.io/library/debian:12.5',
    'docker.io/library/node:22.1',
  )
  const tag = await api.get(`tags/app%2Frun%3A1`)
  expect(tag).toMatchObject({ status: 'current', causes: [] })
  expect(tag.newer).toEqual([
    newer('docker.io/library/debian:12.5', 'docker.io/library/debian:12.10'),
    newer(base('12.5'), base('12.6'), base('13.1')),
    newer(base('12.6'), null, base('13.1')),
  ])
  expect((await api.get('outdated')).items).toEqual([])
})

test('tags that were deleted are not offered', async () => {
  await on('app/run:1', base('12.5'))
  await pg.sql`update tag set head_digest = null where name in ('12.6', '13.1')`
  expect((await api.get('tags/app%2Frun%3A1')).newer).toEqual([])
})

test('a tag is not offered itself, nor what comes after it in its own repository', async () => {
  await on('lib/base:12.6', base('12.5'))
  expect((await api.get('tags/lib%2Fbase%3A12.6')).newer).toEqual([])
  await on('lib/base:custom', base('12.5'))
  expect((await api.get('tags/lib%2Fbase%3Acustom')).newer).toEqual([newer(base('12.5'), base('12.6'), base('13.1'))])
})

test('names are names: what a pattern of the database would match is not offered', async () => {
  for (const tag of ['x_1-1.0', 'xy1-1.1', 'x_1-1.2']) await add(`lib/odd:${tag}`)
  const found = await newerBases(api.d, [{ ref: `${host}/app/run:1`, bases: [`${host}/lib/odd:x_1-1.0`] }])
  expect(found.get(`${host}/app/run:1`)).toEqual([newer(`${host}/lib/odd:x_1-1.0`, `${host}/lib/odd:x_1-1.2`)])
})

test('the list: by ref, of a namespace or repository, without what does not matter', async () => {
  await on('app/run:1', base('12.5'))
  await on('app/run:2', base('12'))
  await on('app/other:1', base('12.5'))
  await on('web/site:1', base('12.6'))
  const refs = async (query: string) =>
    (await api.get(`newer${query}`)).items.map(({ ref }) => ref.replace(`${host}/`, ''))
  expect(await refs('')).toEqual(['app/other:1', 'app/run:1', 'web/site:1'])
  expect(await refs('?namespace=app')).toEqual(['app/other:1', 'app/run:1'])
  expect(await refs('?repository=app/run')).toEqual(['app/run:1'])
  await pg.sql`update tag set ignored = '{"rule":"exclude","scope":"web","detail":"1"}' where ref = ${`${host}/web/site:1`}`
  expect(await refs('')).toEqual(['app/other:1', 'app/run:1'])
  expect(await refs('?ignored=true')).toEqual(['app/other:1', 'app/run:1', 'web/site:1'])
  await pg.sql`update registry set outside = true`
  expect(await refs('?ignored=true')).toEqual([])
})

test('pages hold every item once; one that would read too far ends early', async () => {
  const all = { host: null, namespace: null, repository: null, ignored: false }
  await pg.sql`
    insert into tag (repository_id, name, ref, head_digest, head_at)
    select repository_id, 'n' || n, 'reg:5000/lib/base:n' || n, 'x', 1 from tag, generate_series(1, 6000) n where ref = ${base('12.5')}`
  for (const name of ['app/a:1', 'app/b:1', 'app/c:1', 'web/z:1']) await on(name, base('12.5'))
  const pages: Loose[] = []
  let next: string | null = null
  do {
    const page: Loose = await api.get(`newer?limit=2${next === null ? '' : `&cursor=${next}`}`)
    pages.push(page)
    next = page.next
  } while (next !== null)
  expect(pages.map((page) => page.items.length)).toEqual([2, 1, 1])
  expect((await listNewer(api.d, all, { after: `${host}/app/c:1`, limit: 9 })).next).toMatch(/lib\/base:n/)
})
