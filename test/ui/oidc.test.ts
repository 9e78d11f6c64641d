import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { exportJWK, generateKeyPair } from 'jose'
import { type Browser, chromium, type Page } from 'playwright-core'
import { put } from '../api/access-world.ts'
import { startProvider, type TestProvider } from '../support/oidc-provider.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { chromiumPath, requires } from '../support/requires.ts'
import { startPages, type TestPages } from './start-pages.ts'

/** The provider's own pages name a font of the internet. */
const loopbackAlone = '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1'

/** Signing in by a real OpenID provider, in a real browser. */
requires('chromium')('by an OpenID provider', () => {
  let pg: TestDatabase
  let browser: Browser
  let provider: TestProvider
  let pages: TestPages
  let page: Page
  beforeAll(async () => {
    pg = await testDatabase()
    browser = await chromium.launch({ executablePath: chromiumPath, args: ['--no-sandbox', loopbackAlone] })
    provider = await startProvider()
    pages = await startPages(pg, { oidc: oidc() })
    await provider.serve(`${pages.url}/auth/callback`)
    for (const name of ['ada', 'bob']) await put(pages.api, `users/${name}`, { email: `${name}@example.org` })
    account('ada', 's-1', { groups: ['staff', 'drydock-admins'] })
    account('bob', 's-2', { groups: ['staff'] })
  }, 120_000)
  beforeEach(async () => {
    await pg.sql`truncate audit, session, identity`
    page = await (await browser.newContext({ javaScriptEnabled: false })).newPage()
  })
  afterAll(async () => {
    await browser?.close()
    await pages?.close()
    await provider?.close()
    await pg?.close()
  })

  const oidc = (more: object = {}) => ({
    ...{ issuer: provider.issuer, clientId: provider.clientId, clientSecret: provider.clientSecret },
    ...{ usernameClaim: 'preferred_username', groupsClaim: 'groups', adminGroup: 'drydock-admins' },
    ...{ autoCreate: false, scopes: ['openid', 'profile', 'email'], ...more },
  })
  /** the subject is what the provider knows somebody by, and what they type there */
  const subjects: Record<string, string> = {}
  const account = (name: string, subject: string, claims: object = {}) => {
    subjects[name] = subject
    provider.accounts.set(subject, { preferred_username: name, ...claims })
  }
  const begin = async (name: string) => {
    await page.goto(`${pages.url}/account`)
    await page.getByRole('link', { name: /^Sign in with 127/ }).click()
    await page.fill('input[name=login]', subjects[name]!)
    await page.fill('input[name=password]', 'anything')
    await page.getByRole('button', { name: 'Sign-in' }).click()
  }
  const signIn = async (name: string) => {
    await begin(name)
    await page.getByRole('button', { name: 'Continue' }).click()
    return page.innerText('main')
  }
  const audit = () => pg.sql`select actor, via, action, status from audit where action not like 'PUT%' order by id`
  const identities = () => pg.sql`select subject, user_name as name from identity order by subject`

  test('a known person: their account, an admin by the group for as long as the session, tied to the subject', async () => {
    expect(await signIn('ada')).toContain('(ada), admin')
    expect(page.url()).toBe(`${pages.url}/account`)
    expect(await identities()).toEqual([{ subject: 's-1', name: 'ada' }])
    expect(await audit()).toEqual([{ actor: 'ada', via: provider.issuer, action: 'sign in', status: 200 }])
    const [person] = await pg.sql`select admin from person where name = 'ada'`
    expect(person).toEqual({ admin: false })
    const cookies = await page.context().cookies(pages.url)
    expect(cookies.filter(({ name }) => name.startsWith('drydock'))).toMatchObject([
      { name: 'drydock_session', httpOnly: true, sameSite: 'Lax' },
    ])
    await page.getByRole('button', { name: 'Sign out ada' }).click()
    expect(page.url()).toBe(`${pages.url}/sign-in`)
    expect(await pg.sql`select 1 from session`).toHaveLength(0)
  }, 60_000)

  test('without the group no admin', async () => {
    const text = await signIn('bob')
    expect(text).toContain('(bob)')
    expect(text).not.toContain('admin')
  }, 60_000)

  test('another subject of that name is not that person, also when the first is called otherwise', async () => {
    await pg.sql`insert into identity (issuer, subject, user_name, created_at) values (${provider.issuer}, 's-0', 'ada', now())`
    expect(await signIn('ada')).toContain('"ada" is somebody else')
    expect(await identities()).toEqual([{ subject: 's-0', name: 'ada' }])
    expect(await audit()).toEqual([{ actor: 'ada', via: provider.issuer, action: 'sign in', status: 401 }])
    expect(await pg.sql`select 1 from session`).toHaveLength(0)
  }, 60_000)

  test('a name that nobody has, though somebody has the address', async () => {
    account('eve', 's-5', { email: 'ada@example.org', email_verified: true })
    expect(await signIn('eve')).toContain('no user is called "eve" here')
    expect(await pg.sql`select 1 from session`).toHaveLength(0)
  }, 60_000)

  test('who refuses at the provider is told so, and can sign in after all', async () => {
    await begin('bob')
    await page.getByRole('link', { name: /cancel|abort/i }).click()
    expect(await page.innerText('[role=alert]')).toBe('Not signed in: the provider let nobody in (access_denied).')
    page = await (await browser.newContext({ javaScriptEnabled: false })).newPage()
    expect(await signIn('bob')).toContain('(bob)')
  }, 60_000)

  test.each([
    ['without the cookie', async () => page.context().clearCookies({ name: 'drydock_oidc' })],
    ['with a cookie of another sign-in', async () => void (await fetchFlow())],
    ['with a changed cookie', async () => setFlow('eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..a.b.c')],
  ])(
    'coming back %s: nobody is signed in',
    async (_, meddle) => {
      await begin('bob')
      await meddle()
      await page.getByRole('button', { name: 'Continue' }).click()
      expect(await page.innerText('[role=alert]')).toMatch(
        /^Not signed in: (this sign-in took too long|what the provider)/,
      )
      expect(page.url()).toContain('/auth/callback')
      expect(await pg.sql`select 1 from session`).toHaveLength(0)
      expect(await identities()).toEqual([])
    },
    60_000,
  )

  const setFlow = (value: string) =>
    page.context().addCookies([{ name: 'drydock_oidc', value, domain: '127.0.0.1', path: '/auth' }])
  async function fetchFlow(): Promise<void> {
    const started = await fetch(`${pages.url}/auth/start`, { redirect: 'manual' })
    const sealed = /^drydock_oidc=([^;]+)/.exec(started.headers.getSetCookie()[0] ?? '')?.[1]
    expect(sealed).toBeDefined()
    await setFlow(sealed ?? '')
  }

  test('whose keys, as they are published, did not sign the ID token: nobody is signed in', async () => {
    const odd = await startProvider()
    const other = await startPages(pg, { oidc: oidc({ issuer: odd.issuer, clientSecret: odd.clientSecret }) })
    await odd.serve(`${other.url}/auth/callback`)
    odd.accounts.set('s-2', { preferred_username: 'bob' })
    const { publicKey } = await generateKeyPair('RS256')
    odd.answers.set('/jwks', { keys: [{ ...(await exportJWK(publicKey)), use: 'sig', alg: 'RS256', kid: 'test' }] })
    const [own, theirs] = [pages, provider]
    ;[pages, provider] = [other, odd]
    const text = await signIn('bob').finally(() => {
      ;[pages, provider] = [own, theirs]
    })
    expect(text).toContain('Not signed in: what the provider answered is not as it should be.')
    expect(await pg.sql`select 1 from session`).toHaveLength(0)
    await Promise.all([other.close(), odd.close()])
  }, 60_000)

  test('a provider that is away: said so, without its secrets, and the password works', async () => {
    await put(pages.api, 'users/ada/password', { password: 'correct horse battery' })
    const gone = await startProvider()
    await gone.close()
    const other = await startPages(pg, { oidc: oidc({ issuer: gone.issuer }) })
    await page.goto(`${other.url}/auth/start`)
    expect(await page.innerText('[role=alert]')).toBe('Not signed in: the provider does not answer.')
    expect(await page.content()).not.toContain(provider.clientSecret)
    await page.getByLabel('Name').fill('ada')
    await page.getByLabel('Password').fill('correct horse battery')
    await page.getByRole('button', { name: 'Sign in' }).click()
    expect(await page.innerText('h1')).toBe('Outdated images')
    await other.close()
  }, 60_000)
})
