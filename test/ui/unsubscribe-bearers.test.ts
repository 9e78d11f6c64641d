import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { getNotifySettings, putNotifySettings, settingsLock } from '../../src/notify/notify-settings.ts'
import { signUnsubscribe } from '../../src/notify/unsubscribe-token.ts'
import { bearersOf } from '../../src/notify/users-at.ts'
import { startApi, type TestApi } from '../api/start-api.ts'
import { addMember, wipe } from '../notify/flags.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'

let pg: TestDatabase
let api: TestApi
beforeAll(async () => {
  pg = await testDatabase()
  api = await startApi(pg)
})
beforeEach(async () => {
  await wipe(pg.sql)
  await pg.sql`truncate notify_person, notify_namespace, audit`
})
afterAll(async () => {
  await api.close()
  await pg.close()
})

const oneClick = new URLSearchParams({ 'List-Unsubscribe': 'One-Click' })
const daily = { every: 'daily', timeZone: 'UTC', hour: 7, rebuilt: false, failed: true, still: true } as const
/** The link of a mail that is written now. */
const linkTo = async (person: string, namespace: string | null = null): Promise<string> => {
  const bearer = (await bearersOf(pg.sql, [person])).get(person) ?? null
  return `${api.url}/unsubscribe/${signUnsubscribe(api.d.vault, { person, namespace, bearer })}`
}
const post = async (url: string, body: URLSearchParams): Promise<{ status: number; page: string }> => {
  const answer = await fetch(url, { method: 'POST', body })
  return { status: answer.status, page: await answer.text() }
}
const every = async (name: string) => (await getNotifySettings(api.d, name)).every
const backOf = (page: string): string => /name="Set-Back" value="([^"]+)"/.exec(page)![1]!
const give = (email: string) =>
  api.call('PUT', 'namespaces/app/members/ada', { body: { role: 'owner', email } }).then(({ status }) => status)

describe('a name that is given to somebody else', () => {
  test('the last bearer’s links do nothing, and tell nothing', async () => {
    expect(await give('old@example.org')).toBe(200)
    const old = await linkTo('ada')
    const { page } = await post(old, oneClick)
    expect(await every('ada')).toBe('off')
    expect((await api.call('DELETE', 'users/ada')).status).toBe(204)
    expect(await give('new@example.org')).toBe(200)
    await pg.sql`truncate audit`
    const before = await (await fetch(old)).text()
    for (const form of [
      oneClick,
      new URLSearchParams({ 'Set-Back': backOf(page) }),
      new URLSearchParams({ Send: 'Again' }),
    ]) {
      expect(await post(old, form)).toEqual({ status: 200, page: before })
      expect(await every('ada')).toBe('immediately')
    }
    await putNotifySettings(api.d, 'ada', { ...daily, every: 'off', namespaces: {} })
    for (const form of [
      oneClick,
      new URLSearchParams({ 'Set-Back': backOf(page) }),
      new URLSearchParams({ Send: 'Again' }),
    ])
      expect(await post(old, form)).toEqual({ status: 200, page: before })
    expect(await (await fetch(old)).text()).toBe(before)
    expect(before).not.toContain('<button')
    expect(await every('ada')).toBe('off')
    expect(await pg.sql`select from audit`).toEqual([])
    expect((await post(await linkTo('ada'), new URLSearchParams({ Send: 'Again' }))).status).toBe(200)
    expect(await every('ada')).toBe('immediately')
  })

  test('nor is it set back for who has the name now what was another’s at the same address', async () => {
    for (const name of ['ada', 'bob']) await addMember(pg.sql, 'app', name, { email: 'both@example.org' })
    for (const name of ['ada', 'bob']) await putNotifySettings(api.d, name, { ...daily, namespaces: {} })
    const link = await linkTo('bob')
    const { page } = await post(link, oneClick)
    await pg.sql`update person set bearer = gen_random_uuid() where name = 'ada'`
    await post(link, new URLSearchParams({ 'Set-Back': backOf(page) }))
    expect([await every('ada'), await every('bob')]).toEqual(['off', 'daily'])
  })
})

describe('links of before they told bearers', () => {
  const former = () =>
    `${api.url}/unsubscribe/${signUnsubscribe(api.d.vault, { person: 'ada', namespace: null, bearer: null })}`

  test('work for who has borne the name since then, and not for who is new', async () => {
    await give('ada@example.org')
    await post(former(), oneClick)
    expect(await every('ada')).toBe('immediately')
    await pg.sql`update person set bearer = null`
    const body = Buffer.from('{"person":"ada","namespace":null}').toString('base64url')
    expect(former()).toBe(`${api.url}/unsubscribe/${body}.${api.d.vault.sign('unsubscribe', body)}`)
    await post(former(), oneClick)
    expect(await every('ada')).toBe('off')
  })

  test('end working when the name is given to somebody else', async () => {
    await give('old@example.org')
    await pg.sql`update person set bearer = null`
    await api.call('DELETE', 'users/ada')
    await give('new@example.org')
    await post(former(), oneClick)
    expect(await every('ada')).toBe('immediately')
  })
})

test('a link that is followed while settings are being put waits for them, and sets back what was put', async () => {
  await addMember(pg.sql, 'app', 'ada')
  await putNotifySettings(api.d, 'ada', { ...daily, namespaces: {} })
  const link = await linkTo('ada')
  /** Somebody waits for a lock; the test's own time limit ends it. */
  const isHeld = async () =>
    (
      await pg.sql`
        select from pg_locks l join pg_stat_activity a using (pid) where not l.granted and a.datname = current_database()`
    ).length > 0
  let answer: ReturnType<typeof post> | undefined
  await pg.sql.begin(async (tx) => {
    await tx`select pg_advisory_xact_lock(${settingsLock})`
    await tx`update notify_person set every = 'weekly' where user_name = 'ada'`
    answer = post(link, oneClick)
    while (!(await isHeld())) await new Promise((resolve) => setTimeout(resolve, 20))
  })
  const { page } = await answer!
  expect(await every('ada')).toBe('off')
  await post(link, new URLSearchParams({ 'Set-Back': backOf(page) }))
  expect(await every('ada')).toBe('weekly')
})

test('a body that is too long, or that cannot be read, is answered with a page', async () => {
  await addMember(pg.sql, 'app', 'ada')
  const link = await linkTo('ada')
  const type = 'application/x-www-form-urlencoded'
  for (const [status, body, headers] of [
    [413, 'x'.repeat(3_000_000), { 'content-type': type }],
    [415, 'List-Unsubscribe=One-Click', { 'content-type': type, 'content-encoding': 'odd' }],
  ] as const) {
    const answer = await fetch(link, { method: 'POST', body, headers })
    expect([answer.status, answer.headers.get('content-type'), answer.headers.get('cache-control')]).toEqual([
      status,
      'text/html; charset=utf-8',
      'no-store',
    ])
    expect(await answer.text()).toContain('This link does nothing')
  }
  expect(await every('ada')).toBe('immediately')
})
