import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { type Browser, chromium } from 'playwright-core'
import { getNotifySettings, putNotifySettings } from '../../src/notify/notify-settings.ts'
import { readUnsubscribe, signUnsubscribe } from '../../src/notify/unsubscribe-token.ts'
import { startApi, type TestApi } from '../api/start-api.ts'
import { addMember, wipe } from '../notify/flags.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { chromiumPath, requires } from '../support/requires.ts'

let pg: TestDatabase
let api: TestApi
beforeAll(async () => {
  pg = await testDatabase()
  api = await startApi(pg)
})
beforeEach(async () => {
  await wipe(pg.sql)
  await pg.sql`truncate notify_person, notify_namespace, audit`
  await addMember(pg.sql, 'app', 'ada')
  await addMember(pg.sql, 'app', 'bob')
  await pg.sql`update person set bearer = ${bearer}`
})
afterAll(async () => {
  await api.close()
  await pg.close()
})

const bearer = '6d1f0f5e-6c1b-4f0e-9a53-0f1f1c2b7a11'
const daily = { every: 'daily', timeZone: 'Europe/Berlin', hour: 7, rebuilt: true, failed: true, still: false } as const
const linkOf = (person: string, namespace: string | null = null) =>
  `${api.url}/unsubscribe/${signUnsubscribe(api.d.vault, { person, namespace, bearer })}`
const everyOf = async (person: string) => {
  const { every, namespaces } = await getNotifySettings(api.d, person)
  return { every, namespaces }
}
const post = (url: string, body: string | URLSearchParams | FormData, headers: Record<string, string> = {}) =>
  fetch(url, { method: 'POST', body, headers })
const backOf = (page: string): string | undefined => /name="Set-Back" value="([^"]+)"/.exec(page)?.[1]
const sendAgain = new URLSearchParams({ Send: 'Again' })
const oneClick = new URLSearchParams({ 'List-Unsubscribe': 'One-Click' })

describe('with one click, as mail providers do it (RFC 8058)', () => {
  test('urlencoded, without a cookie: no more mail, of one person', async () => {
    const answer = await post(linkOf('ada'), oneClick)
    expect([answer.status, answer.headers.get('set-cookie'), answer.redirected]).toEqual([200, null, false])
    expect(await everyOf('ada')).toEqual({ every: 'off', namespaces: {} })
    expect(await everyOf('bob')).toEqual({ every: 'immediately', namespaces: {} })
  })

  test('as multipart', async () => {
    const form = new FormData()
    form.set('List-Unsubscribe', 'One-Click')
    expect((await post(linkOf('ada', 'app'), form)).status).toBe(200)
    expect(await everyOf('ada')).toEqual({ every: 'immediately', namespaces: { app: 'off' } })
  })

  test('of everything, whatever was wanted of single namespaces', async () => {
    await putNotifySettings(api.d, 'ada', { ...daily, namespaces: { app: 'immediately', web: 'weekly' } })
    await post(linkOf('ada'), oneClick)
    expect(await everyOf('ada')).toEqual({ every: 'off', namespaces: {} })
  })

  test('of whoever else has the address, since the mailbox is one', async () => {
    await pg.sql`update person set email = 'Team@example.org' where name = 'ada'`
    await pg.sql`update person set email = 'team@EXAMPLE.org' where name = 'bob'`
    await post(linkOf('ada'), oneClick)
    expect([(await everyOf('ada')).every, (await everyOf('bob')).every]).toEqual(['off', 'off'])
  })

  test('of several namespaces at once: each of them, and nothing else of what was wanted', async () => {
    await putNotifySettings(api.d, 'ada', { ...daily, namespaces: { app: 'weekly', web: 'weekly' } })
    const keys = Array.from({ length: 12 }, (_, n) => `team${n}`)
    const answers = await Promise.all(keys.map((key) => post(linkOf('ada', key), oneClick)))
    expect(answers.map(({ status }) => status)).toEqual(keys.map(() => 200))
    const off = Object.fromEntries(keys.map((key) => [key, 'off']))
    expect(await getNotifySettings(api.d, 'ada')).toEqual({
      ...daily,
      namespaces: { app: 'weekly', web: 'weekly', ...off },
    })
  })

  test('of somebody who is no user any more: done, as it is again and again', async () => {
    expect((await post(linkOf('gone'), oneClick)).status).toBe(200)
    expect(await pg.sql`select from notify_person`).toEqual([])
  })

  test('is written down', async () => {
    await post(linkOf('ada', 'app'), oneClick)
    const rows = await pg.sql`select actor, via, action, namespace, status from audit`
    expect(rows).toEqual([{ actor: 'ada', via: 'mail', action: 'unsubscribe', namespace: 'app', status: 200 }])
  })
})

describe('whatever is stored', () => {
  test('more namespaces than a PUT takes, of the longest names: each link ends its mails, and sets that back', async () => {
    const keys = Array.from({ length: 500 }, (_, n) => `${n}`.padStart(400, 'x'))
    await putNotifySettings(api.d, 'ada', { ...daily, namespaces: Object.fromEntries(keys.map((key) => [key, 'off'])) })
    for (const namespace of ['one', 'two']) expect((await post(linkOf('ada', namespace), oneClick)).status).toBe(200)
    const shown = await api.call('GET', 'users/ada/notifications')
    expect([shown.status, (await fetch(linkOf('ada', 'one'))).status]).toEqual([200, 200])
    expect(Object.keys((await everyOf('ada')).namespaces)).toHaveLength(502)
    const stored = await everyOf('ada')
    const page = await (await post(linkOf('ada'), oneClick)).text()
    expect(await everyOf('ada')).toEqual({ every: 'off', namespaces: {} })
    const back = new URLSearchParams({ 'Set-Back': backOf(page)! })
    expect((await post(linkOf('ada'), back)).status).toBe(200)
    expect(await everyOf('ada')).toEqual(stored)
  })

  test('a time zone that is not known here is UTC', async () => {
    await putNotifySettings(api.d, 'ada', { ...daily, namespaces: {} })
    await pg.sql`update notify_person set time_zone = 'Mars/Base'`
    expect((await post(linkOf('ada', 'app'), oneClick)).status).toBe(200)
    expect(await getNotifySettings(api.d, 'ada')).toEqual({ ...daily, timeZone: 'UTC', namespaces: { app: 'off' } })
    expect((await post(linkOf('ada'), oneClick)).status).toBe(200)
    expect((await everyOf('ada')).every).toBe('off')
  })
})

describe('what is off already', () => {
  test.each([null, 'app'])('a second click promises nothing to set back, but mails (of %s)', async (namespace) => {
    await putNotifySettings(api.d, 'ada', { ...daily, namespaces: {} })
    const link = linkOf('ada', namespace)
    const pages = [await post(link, oneClick), await post(link, oneClick), await fetch(link)]
    const texts = await Promise.all(pages.map((page) => page.text()))
    expect(texts.map((text) => [backOf(text) !== undefined, text.includes('Send me these mails')])).toEqual([
      ...[[true, false]],
      ...[[false, true]],
      ...[[false, true]],
    ])
    expect(await (await post(link, sendAgain)).text()).toContain('ada is sent mails')
    expect(await everyOf('ada')).toEqual({ every: namespace === null ? 'immediately' : 'daily', namespaces: {} })
  })

  test('of one namespace, where all mails are off: those of that alone', async () => {
    await putNotifySettings(api.d, 'ada', { ...daily, every: 'off', namespaces: { web: 'off' } })
    await post(linkOf('ada', 'app'), sendAgain)
    expect(await everyOf('ada')).toEqual({ every: 'off', namespaces: { app: 'immediately', web: 'off' } })
  })

  test('what is on stays as it is; of who is no user nothing is promised', async () => {
    await putNotifySettings(api.d, 'ada', { ...daily, namespaces: { app: 'weekly' } })
    for (const namespace of [null, 'app']) await post(linkOf('ada', namespace), sendAgain)
    expect(await getNotifySettings(api.d, 'ada')).toEqual({ ...daily, namespaces: { app: 'weekly' } })
    const page = await (await post(linkOf('gone'), sendAgain)).text()
    expect(page).toContain('gone is not sent')
    expect(page).not.toContain('<button')
  })

  test('what was set meanwhile of other namespaces stays when one is set back', async () => {
    const back = backOf(await (await post(linkOf('ada', 'app'), oneClick)).text())!
    await putNotifySettings(api.d, 'ada', { ...daily, namespaces: { app: 'off', web: 'weekly' } })
    await post(linkOf('ada', 'app'), new URLSearchParams({ 'Set-Back': back }))
    expect(await getNotifySettings(api.d, 'ada')).toEqual({ ...daily, namespaces: { web: 'weekly' } })
  })
})

describe('nothing else does anything', () => {
  const untouched = async () => expect(await everyOf('ada')).toEqual({ every: 'immediately', namespaces: {} })

  test.each(['GET', 'HEAD'])('%s, as scanners of links do', async (method) => {
    for (let i = 0; i < 3; i++) expect((await fetch(linkOf('ada'), { method })).status).toBe(200)
    await untouched()
  })

  test.each<[string, string | URLSearchParams, Record<string, string>]>([
    ['without a body', '', {}],
    ['with another field', new URLSearchParams({ 'List-Unsubscribe': 'yes' }), {}],
    ['as JSON', '{"List-Unsubscribe":"One-Click"}', { 'content-type': 'application/json' }],
    [
      'with bytes that are no form',
      'List-Unsubscribe=One-Click',
      { 'content-type': 'multipart/form-data; boundary=x' },
    ],
  ])('a POST %s', async (_what, body, headers) => {
    expect((await post(linkOf('ada'), body, headers)).status).toBe(400)
    await untouched()
  })

  test('another key, another purpose, a changed token', async () => {
    const token = signUnsubscribe(api.d.vault, { person: 'ada', namespace: null, bearer })
    const [body, signature] = token.split('.') as [string, string]
    const forged = Buffer.from(JSON.stringify({ person: 'ada', namespace: null })).toString('base64url')
    const tokens = [
      ...[
        'x',
        '.',
        `${body}.`,
        `.${signature}`,
        `${token}.`,
        `${token}x`,
        `${body}.${api.d.vault.sign('other', body)}`,
      ],
      `${Buffer.from('{"person":"bob","namespace":null}').toString('base64url')}.${signature}`,
      `${forged}.${signature.slice(0, -1)}${signature.endsWith('A') ? 'B' : 'A'}`,
    ]
    for (const odd of tokens) {
      expect([odd, readUnsubscribe(api.d.vault, odd)]).toEqual([odd, null])
      expect((await post(`${api.url}/unsubscribe/${encodeURIComponent(odd)}`, oneClick)).status).toBe(404)
    }
    await untouched()
  })

  test('a token of this is no token of the API', async () => {
    const token = signUnsubscribe(api.d.vault, { person: 'ada', namespace: null, bearer })
    expect((await api.call('GET', 'me', { token })).status).toBe(401)
  })

  test('what one page sets back cannot be given to another', async () => {
    const done = await (await post(linkOf('bob'), oneClick)).text()
    const back = backOf(done)!
    expect((await post(linkOf('ada'), new URLSearchParams({ 'Set-Back': back }))).status).toBe(400)
    expect((await post(linkOf('bob'), new URLSearchParams({ 'Set-Back': `${back}x` }))).status).toBe(400)
    expect((await everyOf('bob')).every).toBe('off')
  })
})

requires('chromium')('in a browser', () => {
  test('a page that asks, one that has done it, and one that has set it back', async () => {
    await putNotifySettings(api.d, 'ada', { ...daily, namespaces: { app: 'immediately' } })
    let browser: Browser | undefined
    try {
      browser = await chromium.launch({
        executablePath: chromiumPath,
        args: ['--no-sandbox', '--disable-gpu'],
      })
      const context = await browser.newContext({ javaScriptEnabled: false, viewport: { width: 360, height: 640 } })
      const page = await context.newPage()
      const asked: string[] = []
      page.on('request', (request) => asked.push(new URL(request.url()).host))
      await page.goto(linkOf('ada'))
      expect(await page.title()).toBe('Stop these mails?')
      expect((await getNotifySettings(api.d, 'ada')).every).toBe('daily')
      const wide = await page.locator('main').evaluate((main) => main.scrollWidth > main.clientWidth)
      expect(wide).toBe(false)
      await page.getByRole('button', { name: 'Stop these mails' }).click()
      expect(await page.getByRole('heading').textContent()).toBe('No more of these mails')
      expect(await everyOf('ada')).toEqual({ every: 'off', namespaces: {} })
      await page.getByRole('button', { name: 'Set it back as it was' }).click()
      expect(await page.getByRole('heading').textContent()).toBe('As it was')
      expect(await getNotifySettings(api.d, 'ada')).toEqual({ ...daily, namespaces: { app: 'immediately' } })
      await page.goto(`${api.url}/unsubscribe/x`)
      expect(await page.title()).toBe('This link does nothing')
      expect(await context.cookies()).toEqual([])
      expect(new Set(asked)).toEqual(new Set([new URL(api.url).host]))
    } finally {
      await browser?.close()
    }
  })
})
