import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { type Browser, chromium } from 'playwright-core'
import { put, storeAccessWorld } from '../api/access-world.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { chromiumPath, requires } from '../support/requires.ts'
import { startPages, type TestPages } from './start-pages.ts'

const password = 'correct horse battery'

/** The pages in a real browser without scripts, on a phone, by keyboard. */
requires('chromium')('pages', () => {
  let pg: TestDatabase
  let browser: Browser
  let pages: TestPages
  beforeAll(async () => {
    pg = await testDatabase()
    browser = await chromium.launch({ executablePath: chromiumPath, args: ['--no-sandbox'] })
    pages = await startPages(pg)
    await storeAccessWorld(pg, pages.api)
    await pg.sql`truncate snooze`
    for (const user of ['vera', 'stranger']) await put(pages.api, `users/${user}/password`, { password })
  }, 120_000)
  afterAll(async () => {
    await browser?.close()
    await pages?.close()
    await pg?.close()
  })

  const open = async (user: string) => {
    const phone = { javaScriptEnabled: false, viewport: { width: 360, height: 740 } }
    const page = await (await browser.newContext(phone)).newPage()
    await page.goto(pages.url)
    expect(page.url()).toBe(`${pages.url}/sign-in`)
    // the first field has the focus: the keyboard is enough
    await page.locator('#name:focus').waitFor()
    await page.keyboard.type(user)
    await page.keyboard.press('Tab')
    await page.keyboard.type(password)
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Outdated images' }).waitFor()
    return page
  }
  const wide = `document.documentElement.scrollWidth > document.documentElement.clientWidth`

  test('show what is outdated of what one may read, and withhold the rest', async () => {
    const vera = await open('vera')
    expect(await vera.evaluate(wide)).toBe(false)
    const all = await vera.innerText('main')
    for (const name of ['hush/run:1', 'guarded/run:1', 'plaza/run:1']) expect(all).toContain(name)
    expect(all).not.toContain('elsewhere')
    await vera.getByRole('link', { name: 'reg:5000/plaza/run:1' }).waitFor()
    const other = await (await open('stranger')).innerText('main')
    expect(other).toContain('elsewhere/run:1')
    expect(other).not.toContain('hush')
    expect(other).toContain('(withheld)')
  }, 60_000)

  test('account: a token, mails, a password, the other session', async () => {
    const [page, other] = [await open('vera'), await open('vera')]
    await page.getByRole('link', { name: 'Account' }).click()
    expect(await page.evaluate(wide)).toBe(false)
    await page.getByLabel('A new token: what it is for').fill('laptop')
    await page.getByLabel('in', { exact: true }).selectOption('plaza')
    await page.getByRole('button', { name: 'Make the token' }).click()
    const token = /ddk_[\w-]{43}/.exec(await page.innerText('main'))?.[0]
    const { body } = await pages.api.call('GET', 'me', { token: token ?? '' })
    expect(body).toMatchObject({ name: 'vera', scopes: ['read:plaza'] })
    await page.getByRole('button', { name: 'Revoke laptop' }).click()
    expect((await pages.api.call('GET', 'me', { token: token ?? '' })).status).toBe(401)
    await page.getByLabel('When your images become outdated').selectOption('weekly')
    await page.getByLabel('of the time zone').fill('Mars/Olympus')
    await page.getByRole('button', { name: 'Save' }).click()
    expect(await page.innerText('[role=alert]')).toContain('is no time zone')
    await page.getByLabel('When your images become outdated').selectOption('weekly')
    await page.getByLabel('For plaza').selectOption('off')
    await page.getByRole('button', { name: 'Save' }).click()
    expect(await page.innerText('[role=status]')).toContain('Saved')
    const settings = await pages.api.get('users/vera/notifications')
    expect(settings).toMatchObject({ every: 'weekly', namespaces: { plaza: 'off' } })
    await page.getByRole('button', { name: 'Sign out everywhere else' }).click()
    await other.goto(`${pages.url}/account`)
    expect(other.url()).toContain('/sign-in')
    await page.getByLabel('Old password').fill(password)
    await page.getByLabel(/^New password/).fill('another long password')
    await page.getByRole('button', { name: 'Change it' }).click()
    expect(await page.innerText('[role=status]')).toContain('is changed')
    await page.getByRole('link', { name: 'Outdated' }).click()
    expect(await page.innerText('h1')).toBe('Outdated images')
    await page.goto(`${pages.url}/account`)
  }, 60_000)
})
