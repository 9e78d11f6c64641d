import { expect } from '@jest/globals'
import { makeToken } from '../../src/access/api-tokens.ts'
import { bootstrap } from '../../src/access/principal.ts'
import type { TestDatabase } from '../support/postgres.ts'
import type { Caller, Role } from './access-world.ts'
import type { TestApi } from './start-api.ts'

/** Everybody who might call, in the world of access-world.ts. */
export async function makeCallers(pg: TestDatabase, api: TestApi): Promise<Caller[]> {
  const known = { known: true, admin: false, scope: null }
  const callers: Caller[] = [
    { ...known, name: 'nobody', user: '', known: false, roles: {}, headers: {} },
    {
      ...known,
      name: 'bootstrap',
      user: '',
      admin: true,
      roles: {},
      headers: { authorization: `Bearer ${api.token}` },
    },
  ]
  const add = async (caller: Omit<Caller, 'headers'>, scopes: string[] = []): Promise<string> => {
    const made = await makeToken(api.d, bootstrap, { user: caller.user, name: 'walk', scopes, expiresAt: null })
    callers.push({ ...caller, headers: { authorization: `Bearer ${made.token}` } })
    return made.id
  }
  const all = (role: Role) => ({ hush: role, guarded: role, plaza: role })
  await add({ ...known, name: 'root', user: 'root', admin: true, roles: {} })
  await add({ ...known, name: 'owen', user: 'owen', roles: all('owner') })
  await add({ ...known, name: 'cora', user: 'cora', roles: all('contributor') })
  await add({ ...known, name: 'vera', user: 'vera', roles: all('viewer') })
  await add({ ...known, name: 'stranger', user: 'stranger', roles: { elsewhere: 'owner' } })
  await add({ ...known, name: 'gone', user: 'gone', known: false, roles: {} })
  const disabled = await api.call('PUT', 'users/gone', { body: { email: 'gone@example.org', enabled: false } })
  expect(disabled.status).toBe(200)
  const expired = await add({ ...known, name: 'expired', user: 'owen', known: false, roles: {} })
  await pg.sql`update token set expires_at = now() - interval '1 second' where id = ${expired}`
  const revoked = await add({ ...known, name: 'revoked', user: 'owen', known: false, roles: {} })
  expect((await api.call('DELETE', `tokens/${revoked}`)).status).toBe(204)
  await add({ ...known, name: 'reads', user: 'owen', roles: all('owner'), scope: { level: 0, only: null } }, ['read'])
  const plaza = { level: 1, only: 'plaza' } as const
  await add({ ...known, name: 'builds plaza', user: 'owen', roles: all('owner'), scope: plaza }, ['build:plaza'])
  const hush = { level: 0, only: 'hush' } as const
  await add({ ...known, name: 'reads hush', user: 'root', admin: true, roles: {}, scope: hush }, ['read:hush'])
  return callers
}
