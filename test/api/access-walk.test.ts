import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { makeToken } from '../../src/access/api-tokens.ts'
import { bootstrap } from '../../src/access/principal.ts'
import { openapiDocument } from '../../src/api/openapi.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { type Caller, type Ns, namespaces, type Role, restore, storeAccessWorld, visibilities } from './access-world.ts'
import { startApi, type TestApi } from './start-api.ts'

/** Every call of the OpenAPI document, by every kind of caller, in namespaces of every visibility, against the real app. */
type Operation = { 'x-access'?: { need: string; scope: string }; requestBody?: object }
type Call = { method: string; path: string; need: string; hasBody: boolean }
const document = openapiDocument() as { paths: Record<string, Record<string, Operation>> }
const calls: Call[] = Object.entries(document.paths).flatMap(([path, on]) =>
  Object.entries(on).flatMap(([method, operation]) => {
    const need = operation['x-access']?.need
    const below = path.startsWith('/api/v1/') ? path.slice('/api/v1/'.length) : null
    return below === null || need === undefined
      ? []
      : [{ method: method.toUpperCase(), path: below, need, hasBody: operation.requestBody !== undefined }]
  }),
)

let pg: TestDatabase
let api: TestApi
let ids: Record<Ns, Record<string, string>>
const callers: Caller[] = []
const names = [
  ...['nobody', 'bootstrap', 'root', 'owen', 'cora', 'vera', 'stranger', 'gone'],
  ...['expired', 'revoked', 'reads', 'builds plaza', 'reads hush'],
]

beforeAll(async () => {
  pg = await testDatabase()
  api = await startApi(pg)
  ids = await storeAccessWorld(pg, api)
  const token = async (user: string, scopes: string[] = []) => {
    const made = await makeToken(api.d, bootstrap, { user, name: 'walk', scopes, expiresAt: null })
    return { id: made.id, headers: { authorization: `Bearer ${made.token}` } }
  }
  const all = (role: Role) => ({ hush: role, guarded: role, plaza: role })
  const add = async (caller: Omit<Caller, 'headers'>, user: string, scopes?: string[]) => {
    const { id, headers } = await token(user, scopes)
    callers.push({ ...caller, headers })
    return id
  }
  const known = { known: true, admin: false, scope: null }
  callers.push({ ...known, name: 'nobody', known: false, roles: {}, headers: {} })
  callers.push({
    ...known,
    name: 'bootstrap',
    admin: true,
    roles: {},
    headers: { authorization: `Bearer ${api.token}` },
  })
  await add({ ...known, name: 'root', admin: true, roles: {} }, 'root')
  await add({ ...known, name: 'owen', roles: all('owner') }, 'owen')
  await add({ ...known, name: 'cora', roles: all('contributor') }, 'cora')
  await add({ ...known, name: 'vera', roles: all('viewer') }, 'vera')
  await add({ ...known, name: 'stranger', roles: { elsewhere: 'owner' } }, 'stranger')
  await add({ ...known, name: 'gone', known: false, roles: {} }, 'gone')
  await api.call('PUT', 'users/gone', { body: { email: 'gone@example.org', enabled: false } })
  const expired = await add({ ...known, name: 'expired', known: false, roles: {} }, 'owen')
  await pg.sql`update token set expires_at = now() - interval '1 second' where id = ${expired}`
  const revoked = await add({ ...known, name: 'revoked', known: false, roles: {} }, 'owen')
  expect((await api.call('DELETE', `tokens/${revoked}`)).status).toBe(204)
  await add({ ...known, name: 'reads', roles: all('owner'), scope: { level: 0, only: null } }, 'owen', ['read'])
  const plaza = { level: 1, only: 'plaza' } as const
  await add({ ...known, name: 'builds plaza', roles: all('owner'), scope: plaza }, 'owen', ['build:plaza'])
  const hush = { level: 0, only: 'hush' } as const
  await add({ ...known, name: 'reads hush', admin: true, roles: {}, scope: hush }, 'root', ['read:hush'])
}, 600_000)
afterAll(async () => {
  await api.close()
  await pg.close()
})

const callerOf = (name: string): Caller => callers.find((caller) => caller.name === name)!
const inScope = (caller: Caller, level: number, ns: Ns | null): boolean =>
  caller.scope === null || (caller.scope.level >= level && (caller.scope.only === null || caller.scope.only === ns))
const reads = (caller: Caller, ns: Ns): boolean =>
  inScope(caller, 0, ns) &&
  (caller.admin ||
    visibilities[ns] === 'public' ||
    (caller.known && (visibilities[ns] === 'protected' || !!caller.roles[ns])))

/** What is right, said once more and in other words than the code: by role and visibility. */
function expected(caller: Caller, { method, path, need }: Call, ns: Ns): 'pass' | 401 | 403 | 404 {
  if (need === 'open') return caller.known || caller.name === 'nobody' ? 'pass' : 401
  if (!caller.known) return 401
  if (method === 'POST' && path === 'tokens') return inScope(caller, 0, null) ? 'pass' : 403
  if (need === 'self' && method !== 'GET') return inScope(caller, 2, null) ? 'pass' : 403
  if (need === 'person' || need === 'self') return 'pass'
  const isGet = method === 'GET'
  if (need === 'admin') return caller.admin && inScope(caller, isGet ? 0 : 3, null) ? 'pass' : 403
  if (!reads(caller, ns)) return 404
  if (need === 'read') return 'pass'
  const levels: Record<string, number> = { build: 1, recipe: 2, manage: 2 }
  if (!inScope(caller, isGet ? 0 : levels[need]!, ns)) return 403
  const enough = need === 'manage' ? ['owner'] : ['owner', 'contributor']
  return caller.admin || enough.includes(caller.roles[ns] ?? '') ? 'pass' : 403
}

/** A path that names something in this namespace. */
function pathIn(ns: Ns, { path }: Call): string {
  const resource = path.split('/')[0]!
  const id =
    ids[ns][{ builds: 'build', plans: 'plan', snoozes: 'snooze', deliveries: 'delivery' }[resource] ?? ''] ??
    crypto.randomUUID()
  const ref = encodeURIComponent(`${ns}/run:1`)
  const values: Record<string, string> = { ref, ns, scope: ns, user: 'someone', name: 'n', id, address: 'a@b.test' }
  return path.replace(/\{(\w+)\}/g, (_, field: string) => values[field] ?? 'x')
}

/** Bodies that are taken, where the empty one is not. */
const bodyIn = (ns: Ns, { method, path }: Call): object => {
  const bodies: Record<string, object> = {
    'POST builds': { ref: `${ns}/run:1` },
    'POST snoozes': {
      ...{ kind: 'tag', ref: `${ns}/run:1`, reason: 'because' },
      expiresAt: new Date(Date.now() + 3_600_000).toISOString(),
    },
    'POST tokens': { name: 'another', scopes: ['read'] },
    'POST reconcile': { registry: 'nowhere.test' },
    'PUT users/{name}': { email: null },
    'PUT namespaces/{ns}/members/{user}': { role: 'viewer' },
    'PUT namespaces/{ns}/credentials/{name}': { urlPrefix: 'https://git.test/', kind: 'git', password: 'p' },
    'PUT namespaces/{ns}/channels/{name}': { kind: 'slack', url: 'https://chat.test/hook' },
    'PUT recipes/{ref}': { strategy: 'rebase' },
    'PUT address-faults/{address}': { message: 'm' },
    'PUT me/password': { old: 'not the old one', new: 'a long enough password' },
    'PUT users/{name}/password': { password: 'a long enough password' },
  }
  return bodies[`${method} ${path}`] ?? {}
}

const send = (caller: Caller, call: Call, ns: Ns) =>
  api.call(call.method, pathIn(ns, call), {
    token: null,
    headers: caller.headers,
    ...(call.hasBody ? { body: bodyIn(ns, call) } : {}),
  })

/** Where the namespace's name stands in what one may not read: an answer that says it has told. */
const told = (caller: Caller, text: string): Ns[] => namespaces.filter((ns) => !reads(caller, ns) && text.includes(ns))

async function check(caller: Caller, call: Call, ns: Ns): Promise<void> {
  if (!isRead(call)) await restore(pg, api, ns, ids[ns])
  const right = expected(caller, call, ns)
  const answer = await send(caller, call, ns)
  const what = `${caller.name}: ${call.method} ${call.path} of ${ns}: ${answer.text.slice(0, 300)}`
  if (right === 'pass') {
    expect([
      what,
      ['unauthorized', 'forbidden'].includes(answer.body?.code),
      answer.status === 400 && call.hasBody,
    ]).toEqual([what, false, false])
    expect([what, answer.text.includes('not yours to see')]).toEqual([what, false])
    expect([what, answer.status < 500 || ['registry-failed', 'busy'].includes(answer.body.code)]).toEqual([what, true])
  } else expect([what, answer.status]).toEqual([what, right])
  if (right === 404)
    expect([what, /not yours to see|\(withheld\) is not known/.test(answer.text)]).toEqual([what, true])
  expect([what, told(caller, answer.text)]).toEqual([what, []])
}

const isRead = ({ method }: Call): boolean => method === 'GET'

test('the document has every call, and every need is walked', () => {
  expect(calls.length).toBeGreaterThan(50)
  expect(new Set(calls.map((call) => call.need))).toEqual(
    new Set([
      'read',
      'build',
      'recipe',
      'manage',
      'person',
      'self',
      'admin',
      ...calls.filter((c) => c.need === 'open').map((c) => c.need),
    ]),
  )
})

describe.each(names)('%s', (name) => {
  test.each(namespaces)(
    'reads what is theirs, of %s',
    async (ns) => {
      for (const call of calls.filter(isRead)) await check(callerOf(name), call, ns)
    },
    60_000,
  )
})

describe.each(names)('%s', (name) => {
  test.each(namespaces)(
    'changes what is theirs, of %s',
    async (ns) => {
      for (const call of calls.filter((c) => !isRead(c))) await check(callerOf(name), call, ns)
    },
    60_000,
  )
})
