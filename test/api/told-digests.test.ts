import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { makeToken } from '../../src/access/api-tokens.ts'
import { bootstrap } from '../../src/access/principal.ts'
import { listMails } from '../../src/notify/mails.ts'
import { notify } from '../../src/notify/notify.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { startPages, type TestPages } from '../ui/start-pages.ts'
import { storeAccessWorld } from './access-world.ts'
import { at, host } from './small-world.ts'
import type { Loose } from './start-api.ts'

/** Of a base whose name is withheld: a flag says from what to what it moved, wherever it is shown; of what did not move nothing is told. */
let pg: TestDatabase
let pages: TestPages
let stranger: string
let ids: Awaited<ReturnType<typeof storeAccessWorld>>
let moved: { from: string; to: string }
beforeAll(async () => {
  pg = await testDatabase()
  pages = await startPages(pg)
  ids = await storeAccessWorld(pg, pages.api)
  await pg.sql`truncate snooze, mail cascade`
  const rows = await pg.sql<{ ref: string; digest: string }[]>`
    select ref, head_digest as digest from tag where ref like ${`${host}/hush/base:%`}`
  const of = (name: string) => rows.find(({ ref }) => ref === `${host}/hush/base:${name}`)!.digest
  moved = { from: of('old'), to: of('1') }
  const wanted = { user: 'stranger', name: 't', scopes: [], expiresAt: null }
  stranger = (await makeToken(pages.api.d, bootstrap, wanted)).token
}, 120_000)
afterAll(async () => {
  await pages.close()
  await pg.close()
})

const get = async (path: string): Promise<Loose> => {
  const answer = await pages.api.call('GET', path, { token: stranger })
  expect([path, answer.status, answer.text.includes('hush')]).toEqual([path, 200, false])
  return answer.body
}
const ref = `${host}/guarded/run:1`

test('the API: of the move, and not of what the base is', async () => {
  const cause = { base: '(withheld)', ...moved }
  const listed = (await get('outdated?namespace=guarded')).items.find((item) => item.ref === ref)
  expect(listed?.causes).toMatchObject([cause])
  const tag = await get(`tags/${at(ref)}`)
  expect(tag.causes).toMatchObject([cause])
  expect(tag.platforms).toMatchObject([{ bases: [{ ref: '(withheld)', digest: null }] }])
  expect((await get(`tags/${at(ref)}/why`)).chains).toMatchObject([cause])
  const { root } = await get(`tags/${at(ref)}/lineage?direction=up`)
  expect(JSON.stringify(root)).not.toContain(moved.from)
  expect(JSON.stringify(root)).not.toContain(moved.to)
  const { reason } = await get(`builds/${ids.guarded.build}`)
  expect(reason).toMatchObject({ base: '(withheld)', from: 'sha256:f', to: 'sha256:t' })
})

test('the page of a public tag, for anybody', async () => {
  const page = await fetch(`${pages.url}/tags/${at(`${host}/plaza/plain:1`)}`, { headers: { accept: 'text/html' } })
  const text = (await page.text()).replace(/<[^>]*>/g, '')
  expect(page.status).toBe(200)
  expect(text).toContain(`(withheld) moved from ${moved.from.slice(0, 19)} to ${moved.to.slice(0, 19)}`)
  expect(text).toContain('(withheld) at ?')
  expect(text).not.toContain('hush')
})

test('a mail', async () => {
  await notify(pages.d)
  await notify({ ...pages.d, clock: () => new Date(Date.now() + 3_600_000) })
  const [mail] = (await listMails(pages.d, { user: 'stranger', cursor: null, limit: 10 })).items
  for (const part of ['Base (withheld', moved.from, moved.to]) expect(mail?.text).toContain(part)
  expect(mail?.text).not.toContain('hush')
})
