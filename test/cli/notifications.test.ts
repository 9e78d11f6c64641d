import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { startApi, type TestApi } from '../api/start-api.ts'
import { addMember } from '../notify/flags.ts'
import { addMail } from '../notify/outbox.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { drydock } from './run.ts'

let pg: TestDatabase
let api: TestApi
beforeAll(async () => {
  pg = await testDatabase()
  api = await startApi(pg)
  await addMember(pg.sql, 'app', 'ada')
})
afterAll(async () => {
  await api.close()
  await pg.close()
})

const run = (...args: string[]) =>
  drydock(['notifications', '--user', 'ada', ...args], { DRYDOCK_URL: api.url, DRYDOCK_TOKEN: api.token })
const good = async (...args: string[]): Promise<string> => {
  const { code, out, err } = await run(...args)
  expect([args, code, err]).toEqual([args, 0, ''])
  return out
}

test('shows how somebody is written to, and changes what is said and nothing else', async () => {
  expect(await good()).toBe(`mails: immediately
  when a tag was rebuilt: off
  when a rebuild failed: on
  weekly, what is outdated still: on
`)
  expect(await good('--every', 'daily', '--hour', '7', '--time-zone', 'Europe/Berlin', '--rebuilt', 'on')).toMatch(
    /^mails: daily, at 7 o'clock in Europe\/Berlin\n {2}when a tag was rebuilt: on\n/,
  )
  expect(await good('--namespace', 'app', '--every', 'off')).toContain('app\toff')
  await good('--namespace', 'web', '--every', 'weekly')
  expect(JSON.parse(await good('--json'))).toEqual({
    ...{ every: 'daily', timeZone: 'Europe/Berlin', hour: 7, rebuilt: true, failed: true, still: true },
    namespaces: { app: 'off', web: 'weekly' },
  })
  await good('--namespace', 'app', '--every', 'default')
  expect(await api.get('users/ada/notifications')).toMatchObject({ every: 'daily', namespaces: { web: 'weekly' } })
})

test('mails are listed, shown, and tried now', async () => {
  const id = await addMail(pg.sql)
  await pg.sql`update mail set state = 'failed', error = 'no such user', about = '{app r.test/app/run}'`
  const mail = (...args: string[]) => drydock(['mail', ...args], { DRYDOCK_URL: api.url, DRYDOCK_TOKEN: api.token })
  expect((await mail('list', '--state', 'failed')).out).toMatch(
    new RegExp(`^${id}\tada@example.org\tfailed\t.*\tno such user$`, 'm'),
  )
  const shown = await mail('show', id)
  expect([shown.code, shown.out]).toEqual([
    0,
    expect.stringMatching(/^To: ada@example.org\nSubject: .+\nState: failed\nWritten: .+\nError: no such user\n\n./),
  ])
  expect(JSON.parse((await mail('show', id, '--json')).out)).toEqual(await api.get(`mails/${id}`))
  expect((await mail('show', crypto.randomUUID())).code).toBe(1)
  expect((await mail('show')).code).toBe(2)
  expect(await mail('send', id)).toMatchObject({ code: 0, out: `${id} is tried now\n` })
  expect(JSON.parse((await mail('list', '--json')).out)).toMatchObject([{ id, state: 'pending' }])
  expect((await mail('send', crypto.randomUUID())).code).toBe(1)
})

test.each([
  [['--every', 'hourly'], 2],
  [['--hour', '24'], 2],
  [['--failed', 'perhaps'], 2],
  [['--namespace', 'app'], 1],
  [['--time-zone', 'Mars/Olympus'], 1],
])('%j ends with %d', async (args, code) => {
  expect((await run(...args)).code).toBe(code)
})
