import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { put } from '../api/access-world.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { post, sessionIn, startPages, type TestPages } from './start-pages.ts'

/** The audit log says what the forms of the account page did, as it does of the API's calls. */
let pg: TestDatabase
let pages: TestPages
let cookie = ''
const password = 'correct horse battery'
beforeAll(async () => {
  pg = await testDatabase()
  pages = await startPages(pg)
  for (const name of ['ada', 'bob']) await put(pages.api, `users/${name}`, { email: `${name}@example.org` })
  await put(pages.api, 'users/ada/password', { password })
})
beforeEach(async () => {
  cookie = sessionIn(await post(pages, '/sign-in', { name: 'ada', password }))
  await pg.sql`truncate audit`
})
afterAll(async () => {
  await pages.close()
  await pg.close()
})
const send = (form: string, fields: Record<string, string>) => post(pages, `/account/${form}`, fields, { cookie })
const last = async () =>
  (await pages.api.get('audit?limit=1')).items.map(({ actor, action, subject, details, status }) => ({
    ...{ actor, action, subject, details, status },
  }))[0]
const own = { actor: 'ada', subject: 'ada' }

test('which token was made, with which scopes, until when; and which was revoked', async () => {
  const text = await (await send('token', { name: 'ci', level: 'read', namespace: 'app', days: '3' })).text()
  const made = await last()
  expect(made).toEqual({
    ...{ ...own, action: 'POST /account/token', status: 200 },
    details: { name: 'ci', scopes: ['read:app'], expiresAt: expect.stringMatching(/^\d{4}-.*Z$/) },
  })
  expect(JSON.stringify(made)).not.toContain(/ddk_[\w-]{43}/.exec(text)![0])
  const [token] = await pg.sql<{ id: string }[]>`select id from token where name = 'ci'`
  await send('revoke', { id: token!.id })
  expect(await last()).toEqual({
    ...{ ...own, action: 'POST /account/revoke', status: 200 },
    details: { token: token!.id, name: 'ci', scopes: ['read:app'] },
  })
})

test('what was refused, without a word of what is somebody else’s', async () => {
  const { body } = await pages.api.call('POST', 'tokens', { body: { name: 'secret plan', user: 'bob' } })
  expect((await send('revoke', { id: body.id })).status).toBe(422)
  expect(await last()).toEqual({
    ...{ ...own, action: 'POST /account/revoke', status: 422 },
    details: { token: body.id },
  })
  expect((await send('token', { name: '' })).status).toBe(422)
  expect(await last()).toMatchObject({ action: 'POST /account/token', details: null, status: 422 })
})

test('how often mails are wanted; of a password nothing', async () => {
  await send('notifications', { every: 'weekly', timeZone: 'UTC', hour: '8' })
  expect(await last()).toMatchObject({
    action: 'POST /account/notifications',
    details: { every: 'weekly' },
    status: 200,
  })
  await send('password', { old: 'not the old one', new: 'another long password' })
  expect(await last()).toMatchObject({ action: 'POST /account/password', details: null })
})
