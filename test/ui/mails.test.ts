import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { type Browser, chromium, type Page } from 'playwright-core'
import { listMails } from '../../src/notify/mails.ts'
import { notify } from '../../src/notify/notify.ts'
import { put, storeAccessWorld } from '../api/access-world.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { chromiumPath, requires } from '../support/requires.ts'
import { post, sessionIn, startPages, type TestPages } from './start-pages.ts'

/** The pages of mails: what was really written because hush/base:1 moved, to who has roles in the access world; nothing is sent here. */
const password = 'correct horse battery'
const users = ['owen', 'cora', 'stranger', 'root'] as const
type User = (typeof users)[number]
let pg: TestDatabase
let pages: TestPages
const cookies: Record<string, string> = {}
beforeAll(async () => {
  pg = await testDatabase()
  pages = await startPages(pg)
  await storeAccessWorld(pg, pages.api)
  await pg.sql`truncate snooze, mail cascade`
  await notify(pages.d)
  await notify({ ...pages.d, clock: () => new Date(Date.now() + 3_600_000) })
  for (const name of users) {
    await put(pages.api, `users/${name}/password`, { password })
    cookies[name] = sessionIn(await post(pages, '/sign-in', { name, password }))
  }
}, 120_000)
afterAll(async () => {
  await pages.close()
  await pg.close()
})

async function get(path: string, who?: User) {
  const headers: Record<string, string> = { accept: 'text/html', ...(who ? { cookie: cookies[who]! } : {}) }
  const answer = await fetch(`${pages.url}${path}`, { headers, redirect: 'manual' })
  const source = await answer.text()
  const text = source.replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ')
  return { status: answer.status, to: answer.headers.get('location'), source, text }
}
const linksIn = (source: string) => [...source.matchAll(/href="(\/mails\/[^"]+)"/g)].map(([, link]) => link!)
async function mailOf(user: User) {
  const { items } = await listMails(pages.d, { user, cursor: null, limit: 10 })
  expect(items.length).toBeGreaterThan(0)
  return items[0]!
}

test('one’s own: what was kept is marked unsent, and can be read', async () => {
  const mail = await mailOf('owen')
  expect(mail.state).toBe('kept')
  const list = await get('/mails', 'owen')
  expect([list.status, list.text]).toEqual([200, expect.stringContaining('Your mails')])
  expect(linksIn(list.source)).toContain(`/mails/${mail.id}`)
  expect(list.text).toContain(mail.createdAt.toISOString().slice(0, 10))
  const row = list.source.split('<li>').find((part) => part.includes(mail.id))!
  expect(row).toMatch(/class="mark kept">unsent</)
  const one = await get(`/mails/${mail.id}`, 'owen')
  expect([one.status, one.text]).toEqual([200, expect.stringContaining('Unsent: it was written and kept')])
  // the text whole, as it was written, but for what would be markup
  const shown = /<pre>([\s\S]*)<\/pre>/.exec(one.source)![1]!
  const marks: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" }
  expect(shown.replace(/&(#?\w+);/g, (_, mark: string) => marks[mark]!)).toBe(mail.text)
  expect(one.text).toContain('reg:5000/hush/run:1')
  expect(one.source).toContain(`href="/tags/${encodeURIComponent('reg:5000/hush/run:1')}"`)
})

test('of others nothing, but for admins', async () => {
  const mail = await mailOf('owen')
  const other = await get(`/mails/${mail.id}`, 'stranger')
  const absent = await get(`/mails/${crypto.randomUUID()}`, 'stranger')
  expect([other.status, absent.status]).toEqual([404, 404])
  expect((await get('/mails', 'stranger')).source).not.toContain(mail.id)
  const all = await get('/mails', 'root')
  expect(all.text).toContain('owen@example.org')
  expect(all.text).toContain('stranger@example.org')
  expect((await get(`/mails/${mail.id}`, 'root')).text).toContain('reg:5000/hush/run:1')
  expect((await get('/account', 'owen')).source).toContain('href="/mails">Your mails<')
  expect((await get('/account', 'root')).source).toContain('href="/mails">Every mail<')
})

test('who is not signed in is asked to, and then arrives there', async () => {
  const mail = await mailOf('owen')
  for (const path of ['/mails', '/mails?state=kept', `/mails/${mail.id}`]) {
    const { status, to } = await get(path)
    expect([status, to]).toEqual([303, `/sign-in?${new URLSearchParams({ next: path })}`])
    const signedIn = await post(pages, '/sign-in', { name: 'owen', password, next: path })
    expect(signedIn.headers.get('location')).toBe(path)
  }
})

test('what is not theirs to read now is withheld, there as in the list', async () => {
  const mail = await mailOf('cora')
  expect((await get(`/mails/${mail.id}`, 'cora')).text).toContain('hush/run:1')
  await pages.api.call('DELETE', 'namespaces/hush/members/cora')
  const [list, one] = [await get('/mails', 'cora'), await get(`/mails/${mail.id}`, 'cora')]
  expect([list.status, one.status]).toEqual([200, 200])
  expect(list.text).toContain('(withheld)')
  expect(one.text).toContain('not yours to read now')
  expect(`${list.text} ${one.text}`).not.toContain('hush')
  expect(one.source).not.toContain('<pre>')
  await put(pages.api, 'namespaces/hush/members/cora', { role: 'contributor' })
  expect((await get(`/mails/${mail.id}`, 'cora')).text).toContain('hush/run:1')
})

test('states, errors as they are, what is kept no more, and every page', async () => {
  const ann = 'ann@example.org'
  await put(pages.api, 'users/ann', { email: ann })
  await put(pages.api, 'users/ann/password', { password })
  const cookie = sessionIn(await post(pages, '/sign-in', { name: 'ann', password }))
  await pg.sql`
    insert into mail (message_id, user_name, "to", subject, text, html, state, error, created_at, sent_at)
    select '<p' || i || '>', 'ann', ${ann}, 's' || i, case when i = 4 then '' else 'text' end, '', (array['sent', 'failed', 'pending', 'kept'])[1 + i % 4]::mail_state,
      case when i % 4 = 1 then '550 <b>no & never</b>' end, '2026-01-01T00:00:00Z', case when i % 4 = 0 then now() end
    from generate_series(1, 120) as i`
  const open = async (path: string) => (await fetch(`${pages.url}${path}`, { headers: { cookie } })).text()
  for (const [query, number] of [
    ['', 120],
    ['?state=failed', 30],
    ['?state=kept', 30],
  ] as const) {
    const seen: string[] = []
    for (let next: string | undefined = `/mails${query}`; next !== undefined; ) {
      const page: string = await open(next)
      expect(linksIn(page).length).toBeLessThanOrEqual(50)
      seen.push(...linksIn(page))
      next = /href="(\/mails\?[^"]*cursor=[^"]*)"/.exec(page)?.[1]?.replaceAll('&amp;', '&')
    }
    expect([query, seen.length, new Set(seen).size]).toEqual([query, number, number])
  }
  const failed = await open('/mails?state=failed')
  expect(failed).toContain('550 &lt;b&gt;no &amp; never&lt;/b&gt;')
  expect(failed).not.toContain('class="mark kept"')
  const [{ id } = { id: '' }] = await pg.sql<{ id: string }[]>`select id from mail where subject = 's4'`
  expect(await open(`/mails/${id}`)).toContain('is kept no more')
})

test.each([
  [`/mails/${'a'.repeat(101)}`, 400],
  ['/mails/%00', 400],
  ['/mails/x', 404],
  ['/mails?state=lost', 400],
  ['/mails?cursor=x', 400],
  ['/mails?state=kept&state=sent', 200],
])('%s is %d', async (path, status) => {
  expect((await get(path, 'owen')).status).toBe(status)
})

requires('chromium')('in a browser', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: chromiumPath, args: ['--no-sandbox'] })
  }, 60_000)
  afterAll(() => browser?.close())

  test.each([360, 1000])(
    '%d pixels wide: from the account to a mail and back, nothing cut off',
    async (width) => {
      const context = await browser.newContext({ javaScriptEnabled: false, viewport: { width, height: 740 } })
      const [name, value] = cookies.owen!.split('=') as [string, string]
      await context.addCookies([{ name, value, url: pages.url }])
      const page = await context.newPage()
      const fits = async (page: Page) =>
        expect(
          await page.evaluate('document.documentElement.scrollWidth <= document.documentElement.clientWidth'),
        ).toBe(true)
      await page.goto(`${pages.url}/account`)
      await page.getByRole('link', { name: 'Your mails' }).click()
      await fits(page)
      await page.getByRole('link', { name: 'unsent', exact: true }).click()
      await page.locator('ul.rows a').first().click()
      expect(await page.innerText('.state')).toContain('Unsent')
      expect(await page.innerText('pre')).toContain('hush/run:1')
      await fits(page)
      await page.getByRole('link', { name: 'All mails' }).click()
      expect(await page.innerText('h1')).toBe('Your mails')
      await context.close()
    },
    60_000,
  )
})
