import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { makeToken } from '../../src/access/api-tokens.ts'
import { addMember, wipe } from '../notify/flags.ts'
import { addMail } from '../notify/outbox.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { startApi, type TestApi } from './start-api.ts'

let pg: TestDatabase
let api: TestApi
beforeAll(async () => {
  pg = await testDatabase()
  api = await startApi(pg)
})
beforeEach(async () => {
  await wipe(pg.sql)
  await pg.sql`truncate notify_person, notify_namespace, address_fault`
  await addMember(pg.sql, 'app', 'ada')
})
afterAll(async () => {
  await api.close()
  await pg.close()
})

const defaults = {
  every: 'immediately',
  timeZone: 'UTC',
  hour: 8,
  rebuilt: false,
  failed: true,
  still: true,
  namespaces: {},
}
const wanted = { every: 'daily', timeZone: 'Europe/Berlin', hour: 7, rebuilt: true, failed: false, still: false }
const tokenOf = async (user: string, scopes: string[] = []): Promise<string> => {
  const admin = { name: 'admin', via: 'bootstrap', admin: true, scopes: [] }
  return (await makeToken(api.d, admin, { user, name: 'test', scopes, expiresAt: null })).token
}

describe('how one is written to', () => {
  test('is as by default until it is said, and then as it was said', async () => {
    const token = await tokenOf('ada')
    expect((await api.call('GET', 'me/notifications', { token })).body).toEqual(defaults)
    const body = { ...wanted, namespaces: { app: 'off', web: 'weekly' } }
    expect(await api.call('PUT', 'me/notifications', { token, body })).toMatchObject({ status: 200, body })
    expect(await api.get('users/ada/notifications')).toEqual(body)
    expect((await api.call('PUT', 'me/notifications', { token, body: {} })).body).toEqual(defaults)
  })

  test('an admin sets it for others, and nobody else does', async () => {
    await addMember(pg.sql, 'app', 'bob')
    const token = await tokenOf('bob')
    for (const method of ['GET', 'PUT'])
      expect(
        (await api.call(method, 'users/ada/notifications', { token, ...(method === 'PUT' ? { body: wanted } : {}) }))
          .status,
      ).toBe(403)
    expect((await api.call('PUT', 'users/ada/notifications', { body: wanted })).body).toEqual({
      ...wanted,
      namespaces: {},
    })
    expect((await api.call('GET', 'me/notifications', { token })).body).toEqual(defaults)
  })

  test.each([['read'], ['build'], ['manage:app']])(
    'a token for %s alone reads it, and changes nothing',
    async (scope) => {
      const token = await tokenOf('ada', [scope])
      const read = await api.call('GET', 'me/notifications', { token })
      expect([200, 403]).toContain(read.status)
      expect((await api.call('PUT', 'me/notifications', { token, body: wanted })).status).toBe(403)
      expect(await api.get('users/ada/notifications')).toEqual(defaults)
    },
  )

  test.each([
    [{ every: 'hourly' }],
    [{ hour: 24 }],
    [{ hour: 7.5 }],
    [{ timeZone: 'Mars/Olympus' }],
    [{ timeZone: 'Europe/Berlin\r\nBcc: eve@example.org' }],
    [{ namespaces: { app: 'sometimes' } }],
    [{ surprise: true }],
  ])('%j is refused', async (body) => {
    expect((await api.call('PUT', 'users/ada/notifications', { body })).status).toBe(400)
  })

  test('of nobody there is none', async () => {
    expect((await api.call('GET', 'users/nobody/notifications')).body.code).toBe('no-such-user')
    expect((await api.call('PUT', 'users/nobody/notifications', { body: {} })).body.code).toBe('no-such-user')
    expect((await api.call('GET', 'me/notifications')).body.code).toBe('no-such-user')
  })
})

describe('addresses that came back', () => {
  test('are recorded, listed page by page, and mended; what waits is then sent', async () => {
    for (const address of ['Gone@example.org', 'away@example.org', 'gone@example.org'])
      expect((await api.call('PUT', `address-faults/${address}`, { body: { message: '550 gone' } })).status).toBe(204)
    const first = await api.get('address-faults?limit=1')
    expect(first.items).toMatchObject([{ address: 'away@example.org', message: '550 gone', refusals: 1 }])
    const second = await api.get(`address-faults?limit=1&cursor=${first.next}`)
    expect([second.items.map(({ address }) => address), second.next]).toEqual([['gone@example.org'], null])
    expect(second.items[0]).toMatchObject({ refusals: 1 }) // told twice while it is not tried
    const id = await addMail(pg.sql, { to: 'gone@example.org' })
    await pg.sql`update mail set next_try_at = '2099-01-01T00:00:00Z' where id = ${id}`
    expect((await api.call('DELETE', 'address-faults/GONE@example.org')).status).toBe(204)
    expect((await api.get(`mails/${id}`)).nextTryAt).toBeNull()
    const jobs = await pg.sql`select 1 from graphile_worker.jobs where task_identifier = 'mail' and run_at <= now()`
    expect(jobs).toHaveLength(4)
    expect((await api.call('DELETE', 'address-faults/gone@example.org')).body.code).toBe('no-such-address-fault')
  })

  test('are nobody’s business but admins’', async () => {
    const token = await tokenOf('ada')
    expect((await api.call('GET', 'address-faults', { token })).status).toBe(403)
    expect((await api.call('PUT', 'address-faults/a@example.org', { token, body: { message: 'x' } })).status).toBe(403)
  })
})
