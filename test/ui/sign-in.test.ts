import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { hashPassword } from '../../src/access/argon2id.ts'
import { sessionHash, sessionLife, sweepSessions } from '../../src/access/sessions.ts'
import { attemptsAllowed } from '../../src/access/sign-in-guard.ts'
import { put } from '../api/access-world.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { post, sessionIn, startPages, type TestPages } from './start-pages.ts'

let pg: TestDatabase
let pages: TestPages
const right = 'correct horse battery'
beforeAll(async () => {
  pg = await testDatabase()
})
beforeEach(async () => {
  await pages?.close()
  pages = await startPages(pg)
  await pg.sql`truncate audit, session, password`
  for (const name of ['ada', 'bob']) await put(pages.api, `users/${name}`, { email: `${name}@example.org` })
  await put(pages.api, 'users/ada/password', { password: right })
  await pg.sql`truncate audit`
})
afterAll(async () => {
  await pages.close()
  await pg.close()
})

const signIn = (name = 'ada', password = right, headers = {}) => post(pages, '/sign-in', { name, password }, headers)
const cookieOfAda = async () => sessionIn(await signIn())
const me = (cookie: string, init: RequestInit = {}) =>
  fetch(`${pages.url}/api/v1/me`, { ...init, headers: { cookie, ...(init.headers as object) } })
const audit = () =>
  pg.sql`select actor, via, action, subject, status, problem from audit where action not like 'PUT%' order by id`
const html = { accept: 'text/html' }

test('a password gives a cookie that scripts and other sites do not get, and the API knows it', async () => {
  const answer = await post(pages, '/sign-in', { name: 'ada', password: right, next: '/account' })
  expect([answer.status, answer.headers.get('location')]).toEqual([303, '/account'])
  const [line = ''] = answer.headers.getSetCookie()
  expect(line).toMatch(/^drydock_session=[\w-]{43}; /)
  for (const part of ['HttpOnly', 'SameSite=Lax', 'Path=/']) expect(line).toContain(part)
  expect(line).not.toContain('Secure')
  const cookie = sessionIn(answer)
  expect(await (await me(cookie)).json()).toMatchObject({ name: 'ada', via: 'session', admin: false })
  const [row] = await pg.sql<{ hash: string }[]>`select hash from session`
  expect(row?.hash).toBe(sessionHash(cookie.split('=')[1]!))
  expect(await audit()).toEqual([
    { actor: 'ada', via: 'password', action: 'sign in', subject: 'ada', status: 200, problem: null },
  ])
})

test('with https the cookie is for https alone', async () => {
  const secure = await startPages(pg, { publicUrl: 'https://drydock.example' })
  const answer = await post(secure, '/sign-in', { name: 'ada', password: right }, { origin: 'https://drydock.example' })
  expect(answer.headers.getSetCookie()[0]).toContain('; Secure')
  await secure.close()
})

describe('who is not let in', () => {
  test('a wrong password, a name that nobody has, one without a password: the same answer, and no cookie', async () => {
    const answers = await Promise.all([signIn('ada', 'wrong'), signIn('nobody-here', right), signIn('bob', right)])
    const texts = await Promise.all(answers.map((answer) => answer.text()))
    expect(answers.map((answer) => [answer.status, sessionIn(answer)])).toEqual(Array(3).fill([401, '']))
    const bare = texts.map((text) => text.replaceAll(/value="(ada|nobody-here|bob)"/g, 'value=""'))
    expect(new Set(bare).size).toBe(1)
    expect(bare[0]).toContain('the name or the password is not right')
    const actors = (await audit()).map(({ actor, status, problem }) => `${actor} ${status} ${problem}`).sort()
    expect(actors).toEqual([' 422 wrong-password', 'ada 422 wrong-password', 'bob 422 wrong-password'])
  })

  test('what was typed as a name that nobody has is stored nowhere', async () => {
    await signIn('my secret password', 'x')
    expect(JSON.stringify(await audit())).not.toContain('secret password')
  })

  test('a person who is disabled, at once, and their session too', async () => {
    const cookie = await cookieOfAda()
    await put(pages.api, 'users/ada', { email: null, enabled: false })
    expect([(await me(cookie)).status, (await signIn()).status]).toEqual([401, 401])
    await put(pages.api, 'users/ada', { email: null, enabled: true })
    expect([(await me(cookie)).status, (await signIn()).status]).toEqual([401, 303])
  })

  test('a form from another site, or from nowhere', async () => {
    const own = { 'sec-fetch-site': 'same-origin' }
    expect((await signIn('ada', right, { origin: 'https://evil.example' })).status).toBe(403)
    expect((await signIn('ada', right, { 'sec-fetch-site': 'cross-site' })).status).toBe(403)
    expect((await signIn('ada', right, { 'sec-fetch-site': 'same-site' })).status).toBe(403)
    expect((await signIn('ada', right, { origin: 'null' })).status).toBe(403)
    expect((await signIn('ada', right, own)).status).toBe(303)
  })

  test('too many tries for one name, also many at once; another name goes on', async () => {
    const tries = await Promise.all(Array.from({ length: attemptsAllowed.name + 5 }, () => signIn('ada', 'wrong')))
    const statuses = tries.map(({ status }) => status)
    expect(statuses.filter((status) => status === 401)).toHaveLength(attemptsAllowed.name)
    expect(statuses.filter((status) => status === 429)).toHaveLength(5)
    expect((await signIn()).status).toBe(429)
    await put(pages.api, 'users/bob/password', { password: right })
    expect((await signIn('bob')).status).toBe(303)
  })

  test('too many tries from one address; another address goes on', async () => {
    const from = (address: string) => ({ 'x-forwarded-for': address })
    for (let i = 0; i < attemptsAllowed.address; i++) await signIn(`n${i}`, 'wrong', from('2001:db8::1'))
    expect((await signIn('ada', right, from('2001:db8::2'))).status).toBe(429)
    expect((await signIn('ada', right, from('192.0.2.1'))).status).toBe(303)
  }, 60_000)
})

describe('a session', () => {
  test('changes something only from our own pages', async () => {
    const cookie = await cookieOfAda()
    const make = async (headers: Record<string, string>) => {
      const init = {
        method: 'POST',
        body: '{"name":"t"}',
        headers: { 'content-type': 'application/json', cookie, ...headers },
      }
      return (await fetch(`${pages.url}/api/v1/tokens`, init)).status
    }
    expect(await make({})).toBe(403)
    expect(await make({ origin: 'https://evil.example' })).toBe(403)
    expect(await make({ origin: pages.url, 'sec-fetch-site': 'cross-site' })).toBe(403)
    expect(await make({ origin: pages.url })).toBe(201)
    expect(await make({ 'sec-fetch-site': 'same-origin' })).toBe(201)
  })

  test('and a token at once: refused', async () => {
    const answer = await me(await cookieOfAda(), { headers: { authorization: `Bearer ${pages.api.token}` } })
    expect([answer.status, await answer.json()]).toEqual([400, expect.objectContaining({ code: 'two-credentials' })])
  })

  test('ends when it was idle, and when it is old, and is swept', async () => {
    const [idle, old, good] = [await cookieOfAda(), await cookieOfAda(), await cookieOfAda()]
    const at = (ms: number) => new Date(Date.now() - ms)
    const hash = (cookie: string) => sessionHash(cookie.split('=')[1]!)
    await pg.sql`update session set last_used_at = ${at(sessionLife.idle + 1000)} where hash = ${hash(idle)}`
    await pg.sql`update session set expires_at = ${at(1000)} where hash = ${hash(old)}`
    expect([(await me(idle)).status, (await me(old)).status, (await me(good)).status]).toEqual([401, 401, 200])
    await sweepSessions(pages.d)
    expect(await pg.sql`select hash from session`).toEqual([{ hash: hash(good) }])
  })

  test('is kept alive by use', async () => {
    const cookie = await cookieOfAda()
    await pg.sql`update session set last_used_at = now() - interval '1 hour'`
    await me(cookie)
    const [row] = await pg.sql<{ lastUsedAt: Date }[]>`select last_used_at from session`
    expect(Date.now() - (row?.lastUsedAt.getTime() ?? 0)).toBeLessThan(1_800_000)
  })

  test('ends with a sign-out, which a GET is not', async () => {
    const cookie = await cookieOfAda()
    expect((await fetch(`${pages.url}/sign-out`, { headers: { cookie } })).status).toBe(200)
    expect((await me(cookie)).status).toBe(200)
    const answer = await post(pages, '/sign-out', {}, { cookie })
    expect([answer.status, answer.headers.getSetCookie()[0]]).toEqual([303, expect.stringContaining('Max-Age=0')])
    expect((await me(cookie)).status).toBe(401)
    expect((await audit()).at(-1)).toMatchObject({ actor: 'ada', via: 'session', action: 'sign out', status: 200 })
  })
})

describe('passwords', () => {
  const change = (cookie: string, body: object) =>
    me(cookie, {}).then(() =>
      fetch(`${pages.url}/api/v1/me/password`, {
        method: 'PUT',
        body: JSON.stringify(body),
        headers: { cookie, origin: pages.url, 'content-type': 'application/json' },
      }),
    )

  test('changed by their person: every session ends, the old one opens nothing', async () => {
    const [cookie, other] = [await cookieOfAda(), await cookieOfAda()]
    expect((await change(cookie, { old: 'wrong', new: 'a new long password' })).status).toBe(422)
    expect((await change(cookie, { old: right, new: 'too short' })).status).toBe(400)
    expect((await change(cookie, { old: right, new: 'a new long password' })).status).toBe(204)
    expect([(await me(cookie)).status, (await me(other)).status]).toEqual([401, 401])
    expect([(await signIn()).status, (await signIn('ada', 'a new long password')).status]).toEqual([401, 303])
  })

  test('set and taken away by an admin; of nobody', async () => {
    const answer = await pages.api.call('PUT', 'users/ghost/password', { body: { password: right } })
    expect([answer.status, answer.body.code]).toEqual([404, 'no-such-user'])
    const cookie = await cookieOfAda()
    expect((await pages.api.call('DELETE', 'users/ada/password')).status).toBe(204)
    expect([(await me(cookie)).status, (await signIn()).status]).toEqual([401, 401])
    expect((await pages.api.call('DELETE', 'users/ada/password')).status).toBe(404)
  })

  test('are stored as argon2id, and made anew when the cost is another now', async () => {
    const phc = async () => (await pg.sql<{ phc: string }[]>`select phc from password where user_name = 'ada'`)[0]?.phc
    expect(await phc()).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/)
    await pg.sql`update password set phc = ${await hashPassword(right, { memory: 8192, passes: 3, parallelism: 1 })}`
    expect((await signIn('ada', 'wrong')).status).toBe(401)
    expect(await phc()).toContain('m=8192,t=3')
    const cookie = await cookieOfAda()
    expect(await phc()).toContain('m=19456,t=2')
    expect((await me(cookie)).status).toBe(200)
  })

  test('in composed and decomposed characters are one', async () => {
    await put(pages.api, 'users/ada/password', { password: 'Ünïcödé straße'.normalize('NFC') })
    expect((await signIn('ada', 'Ünïcödé straße'.normalize('NFD'))).status).toBe(303)
  })
})

describe('pages', () => {
  test('/ leads browsers to sign in, and others nowhere', async () => {
    const answer = await fetch(pages.url, { headers: html, redirect: 'manual' })
    expect([answer.status, answer.headers.get('location')]).toEqual([303, '/sign-in'])
    expect((await fetch(pages.url)).status).toBe(404)
    const account = await fetch(`${pages.url}/account`, { headers: html, redirect: 'manual' })
    expect([account.status, account.headers.get('location')]).toEqual([303, '/sign-in?next=%2Faccount'])
  })

  test('go nowhere else afterwards', async () => {
    for (const next of ['https://evil.example/', '//evil.example', '/\\evil.example', '/api/v1/me']) {
      const answer = await post(pages, '/sign-in', { name: 'ada', password: right, next })
      expect([next, answer.status, answer.headers.get('location')]).toEqual([next, 303, '/'])
    }
  })

  test('run nothing, whatever is typed', async () => {
    const answer = await signIn('"><script>alert(1)</script>', 'x')
    const text = await answer.text()
    expect(text).not.toContain('<script')
    expect(text).toContain('&lt;script&gt;')
    expect(text).not.toMatch(/value="x"/)
    const policy = answer.headers.get('content-security-policy') ?? ''
    expect(policy).toMatch(
      /^default-src 'none'; style-src 'sha256-[^']+'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'$/,
    )
    expect(answer.headers.get('cache-control')).toBe('no-store')
  })

  test('a token is shown once, and another person’s is not revoked', async () => {
    const cookie = await cookieOfAda()
    const bobs = await pages.api.call('POST', 'tokens', { body: { name: 'of bob', user: 'bob' } })
    const made = await (
      await post(pages, '/account/token', { name: 'ci', level: 'read', namespace: '', days: '3' }, { cookie })
    ).text()
    const token = /ddk_[\w-]{43}/.exec(made)?.[0] ?? ''
    expect((await fetch(`${pages.url}/api/v1/me`, { headers: { authorization: `Bearer ${token}` } })).status).toBe(200)
    const again = await (await fetch(`${pages.url}/account`, { headers: { cookie } })).text()
    expect([again.includes('ci'), again.includes('of bob'), again.includes(token)]).toEqual([true, false, false])
    expect((await post(pages, '/account/revoke', { id: bobs.body.id }, { cookie })).status).toBe(422)
    const [left] = await pg.sql<
      { count: number }[]
    >`select count(*)::int as count from token where revoked_at is null and name = 'of bob'`
    expect(left?.count).toBe(1)
  })

  test('a form without a session, or of another site, changes nothing', async () => {
    const cookie = await cookieOfAda()
    expect((await post(pages, '/account/token', { name: 't' })).headers.get('location')).toBe(
      '/sign-in?next=%2Faccount',
    )
    const evil = await post(pages, '/account/token', { name: 't' }, { cookie, origin: 'https://evil.example' })
    expect([evil.status, evil.headers.get('content-type')]).toEqual([403, 'text/html; charset=utf-8'])
    expect(await audit()).toHaveLength(1)
  })
})
