import type { Server } from 'node:http'
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose'
import { put } from '../api/access-world.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { closed, listening, startPages, type TestPages } from './start-pages.ts'

/** An OpenID provider that says what none should: nobody is signed in, the page says so, and nothing of it is stored. */
type Said = {
  discovery?: object
  claims?: Record<string, unknown>
  sign?: (claims: Record<string, unknown>) => Promise<string>
}
let pg: TestDatabase
let provider: { url: string; server: Server }
let pages: TestPages | null = null
let said: Said = {}
let nonce = ''
const keys = { ours: await generateKeyPair('RS256'), others: await generateKeyPair('RS256') }
const signed = (key: (typeof keys.ours)['privateKey']) => (claims: Record<string, unknown>) =>
  new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: 'k' }).sign(key)

/** What it answers by path; `at`: its own address. */
async function answer(path: string, at: string): Promise<object | null> {
  if (path === '/.well-known/openid-configuration')
    return {
      ...{ issuer: at, authorization_endpoint: `${at}/auth`, token_endpoint: `${at}/token`, jwks_uri: `${at}/jwks` },
      ...{ response_types_supported: ['code'], id_token_signing_alg_values_supported: ['RS256'] },
      ...said.discovery,
    }
  if (path === '/jwks')
    return { keys: [{ ...(await exportJWK(keys.ours.publicKey)), alg: 'RS256', use: 'sig', kid: 'k' }] }
  if (path !== '/token') return null
  const now = Math.floor(Date.now() / 1000)
  const claims = { iss: at, aud: 'drydock', iat: now, exp: now + 600, nonce, sub: 's-1', preferred_username: 'ada' }
  const sign = said.sign ?? signed(keys.ours.privateKey)
  return {
    ...{ access_token: 'a', token_type: 'bearer', expires_in: 60 },
    id_token: await sign({ ...claims, ...said.claims }),
  }
}

beforeAll(async () => {
  pg = await testDatabase()
  provider = await listening((at) => async (request, response) => {
    const body = await answer(new URL(request.url!, at).pathname, at)
    response.writeHead(body === null ? 404 : 200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  })
})
afterEach(async () => {
  await pages?.close()
  pages = null
  await pg.sql`truncate identity, session, audit`
})
afterAll(async () => {
  await closed(provider.server)
  await pg.close()
})

/** From the first click to the way back, as a browser goes it; what the last page says. */
async function signIn(says: Said): Promise<{ status: number; text: string }> {
  said = says
  const oidc = {
    ...{ issuer: provider.url, clientId: 'drydock', clientSecret: 's', usernameClaim: 'preferred_username' },
    ...{ groupsClaim: 'groups', adminGroup: null, autoCreate: false, scopes: ['openid', 'profile'] },
  }
  pages ??= await startPages(pg, { oidc })
  await put(pages.api, 'users/ada', { email: 'ada@example.org' })
  const shown = async (response: Response) => ({ status: response.status, text: await response.text() })
  const start = await fetch(`${pages.url}/auth/start`, { redirect: 'manual' })
  if (start.status !== 303) return shown(start)
  const to = new URL(start.headers.get('location')!)
  nonce = to.searchParams.get('nonce')!
  const cookie = start.headers.getSetCookie()[0]!.split(';')[0]!
  const query = new URLSearchParams({ code: 'x', state: to.searchParams.get('state')! })
  return shown(await fetch(`${pages.url}/auth/callback?${query}`, { redirect: 'manual', headers: { cookie } }))
}
const sessions = async () => (await pg.sql`select from session`).length

test('one that is as it should be signs in', async () => {
  expect((await signIn({})).status).toBe(303)
  expect(await sessions()).toBe(1)
})

test.each<[string, Said]>([
  ['an ID token signed by a key that it does not publish', { sign: signed(keys.others.privateKey) }],
  ['an ID token that nobody signed', { sign: async (claims) => new UnsecuredJWT(claims).encode() }],
  [
    'an ID token of a shared secret',
    {
      sign: (claims) => new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(new TextEncoder().encode('s')),
    },
  ],
  ['an ID token for another client', { claims: { aud: 'else' } }],
  ['an ID token of another sign-in', { claims: { nonce: 'else' } }],
  ['a subject with a NUL', { claims: { sub: 's\0' } }],
  ['a subject of two lines', { claims: { sub: 's\nt' } }],
  ['a subject of 256 characters', { claims: { sub: 's'.repeat(256) } }],
  ['an empty subject', { claims: { sub: '' } }],
  ['no address to sign in at', { discovery: { authorization_endpoint: undefined } }],
  ['a script in place of an address', { discovery: { authorization_endpoint: 'javascript:alert(1)' } }],
  ['an address that is none', { discovery: { token_endpoint: '//' } }],
  ['no keys', { discovery: { jwks_uri: undefined } }],
  ['another issuer', { discovery: { issuer: 'https://else.test' } }],
])('%s', async (_what, says) => {
  const { status, text } = await signIn(says)
  expect([status, text.includes('Not signed in: ')]).toEqual([502, true])
  expect(text).not.toContain('javascript:')
  expect(await sessions()).toBe(0)
  expect(await pg.sql`select from identity`).toHaveLength(0)
})

test('a subject of 255 characters is one', async () => {
  expect((await signIn({ claims: { sub: 's'.repeat(255) } })).status).toBe(303)
})

test('a name with a NUL is nobody’s, and the refusal is in the audit log', async () => {
  const { status, text } = await signIn({ claims: { preferred_username: 'ada\0' } })
  expect([status, text.includes('the name it says is none for a user')]).toEqual([403, true])
  expect(await pg.sql`select subject, status from audit where action = 'sign in'`).toEqual([
    { subject: '', status: 401 },
  ])
})

test('what was odd once is asked for anew: mended there, it signs in here', async () => {
  expect((await signIn({ discovery: { authorization_endpoint: undefined } })).status).toBe(502)
  expect((await signIn({})).status).toBe(303)
})
