import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { openapiDocument } from '../../src/api/openapi.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { makeCallers } from './access-callers.ts'
import { besides, levelFor, type Need, needs, rolesFor } from './access-needs.ts'
import { type Secrets, secretsIn } from './access-secrets.ts'
import { type Caller, type Ns, namespaces, restore, storeAccessWorld, visibilities } from './access-world.ts'
import { startApi, type TestApi } from './start-api.ts'

/**
 * Every call of the OpenAPI document, by every kind of caller, in namespaces of every visibility, against the real app. What is right is
 * said by hand: access-needs.ts, and `expected` here.
 */
type Call = { method: string; path: string; need: Need; hasBody: boolean }
type Operation = { 'x-access'?: object; requestBody?: object }
const document = openapiDocument() as { paths: Record<string, Record<string, Operation>> }
const routes = Object.entries(document.paths).flatMap(([path, on]) =>
  Object.entries(on).map(([method, { requestBody }]) => ({
    method: method.toUpperCase(),
    path,
    hasBody: !!requestBody,
  })),
)
const below = '/api/v1/'
const walked = routes.filter(({ path }) => path.startsWith(below) && !besides.includes(path))
const nameOf = ({ method, path }: { method: string; path: string }) => `${method} ${path.slice(below.length)}`
const calls: Call[] = walked.flatMap((route) => {
  const need = needs.get(nameOf(route))
  return need ? [{ ...route, path: route.path.slice(below.length), need }] : []
})

let pg: TestDatabase
let api: TestApi
let ids: Record<Ns, Record<string, string>>
let callers: Caller[]
let secrets: Secrets
const names = [
  ...['nobody', 'bootstrap', 'root', 'owen', 'cora', 'vera', 'stranger', 'gone'],
  ...['expired', 'revoked', 'reads', 'builds plaza', 'reads hush'],
]

beforeAll(async () => {
  pg = await testDatabase()
  api = await startApi(pg)
  ids = await storeAccessWorld(pg, api, { rooms: true })
  callers = await makeCallers(pg, api)
  secrets = await secretsIn(pg)
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

/** What is right, by role and visibility. */
function expected(caller: Caller, call: Call, ns: Ns): 'pass' | 401 | 403 | 404 {
  const { need } = call
  if (need === 'anybody') return caller.known || caller.name === 'nobody' ? 'pass' : 401
  if (!caller.known) return 401
  if (need === 'theirs') return 'pass'
  if (need === 'own') return ofOneself(caller, call)
  const level = isRead(call) ? 0 : levelFor[need]
  if (need === 'admin') return caller.admin && inScope(caller, level, null) ? 'pass' : 403
  if (!reads(caller, ns)) return 404
  if (need === 'member') return 'pass'
  if (!inScope(caller, level, ns)) return 403
  return caller.admin || rolesFor[need].includes(caller.roles[ns] ?? '') ? 'pass' : 403
}

/** The mail and the token that are asked for are somebody else's: admins' to see and to revoke alone. */
function ofOneself(caller: Caller, { method, path }: Call): 'pass' | 403 | 404 {
  if (path === 'mails/{id}') return caller.admin && inScope(caller, 0, null) ? 'pass' : 404
  if (path === 'tokens' && method === 'POST') return inScope(caller, 0, null) ? 'pass' : 403
  if (method === 'GET') return 'pass'
  if (!inScope(caller, levelFor.own, null)) return 403
  return path !== 'tokens/{id}' || (caller.admin && inScope(caller, 3, null)) ? 'pass' : 404
}

/** A path that names something in this namespace, or of somebody who is none of the callers. */
function pathIn(ns: Ns, { path }: Call): string {
  const resource = path.split('/')[0]!
  const kinds: Record<string, string> = {
    ...{ builds: 'build', plans: 'plan', snoozes: 'snooze', deliveries: 'delivery' },
    ...{ mails: 'mail', tokens: 'token', events: 'event' },
  }
  const id = ids[ns][kinds[resource] ?? ''] ?? crypto.randomUUID()
  const ref = encodeURIComponent(`${ns}/run:1`)
  const name = resource === 'users' ? 'someone' : 'n'
  const values: Record<string, string> = {
    ref,
    ns,
    scope: ns,
    user: 'someone',
    name,
    id,
    address: 'someone@example.org',
  }
  return path.replace(/\{(\w+)\}/g, (_, field: string) => values[field] ?? 'x')
}

/** Each way in which a call is asked: what a filter or a direction might tell is asked for too. */
function queriesOf(ns: Ns, { path }: Call): string[] {
  const base = `${ns}/run:1`
  const queries: Record<string, string[]> = {
    outdated: [`?base=${base}`, `?namespace=${ns}`, `?repository=${ns}/run`, '?ignored=true&snoozed=true&role=all'],
    newer: [`?namespace=${ns}`],
    tags: [`?namespace=${ns}`, `?repository=${ns}/run`],
    repositories: [`?namespace=${ns}`, '?limit=1'],
    builds: [`?ref=${base}`],
    tokens: ['?user=someone'],
    mails: ['?to=someone@example.org'],
    audit: [`?namespace=${ns}`, '?actor=owen', '?actor=admin&limit=500'],
    'tags/{ref}/lineage': ['?direction=down', '?direction=down&depth=1', '?direction=up'],
  }
  return ['', ...(queries[path] ?? [])]
}

/** Bodies that are taken, where the empty one is not. */
const bodyIn = (ns: Ns, { method, path }: Call): object => {
  const expiresAt = new Date(Date.now() + 3_600_000).toISOString()
  const bodies: Record<string, object> = {
    'POST builds': { ref: `${ns}/run:1` },
    'POST snoozes': { kind: 'tag', ref: `${ns}/run:1`, reason: 'because', expiresAt },
    'POST tokens': { name: 'another', scopes: ['read'] },
    'POST reconcile': { registry: 'nowhere.test' },
    'PUT users/{name}': { email: 'someone@example.org' },
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

const isRead = ({ method }: Call): boolean => method === 'GET'

async function check(caller: Caller, call: Call, ns: Ns): Promise<void> {
  const right = expected(caller, call, ns)
  for (const query of queriesOf(ns, call)) {
    if (!isRead(call) || /^(mails|tokens)/.test(call.path)) await restore(pg, api, ns, ids[ns])
    const answer = await api.call(call.method, `${pathIn(ns, call)}${query}`, {
      ...{ token: null, headers: caller.headers },
      ...(call.hasBody ? { body: bodyIn(ns, call) } : {}),
    })
    const what = `${caller.name}: ${call.method} ${call.path}${query} of ${ns}: ${answer.text.slice(0, 300)}`
    if (right === 'pass') {
      const { code } = answer.body ?? { code: null }
      const refused = ['unauthorized', 'forbidden'].includes(code ?? '') || (answer.status === 400 && call.hasBody)
      expect([what, refused, answer.text.includes('not yours to see')]).toEqual([what, false, false])
      expect([what, answer.status < 500 || ['registry-failed', 'busy'].includes(code ?? '')]).toEqual([what, true])
    } else expect([what, answer.status]).toEqual([what, right])
    if (right === 404 && call.need !== 'own')
      expect([what, /not yours to see|\(withheld\) is not known/.test(answer.text)]).toEqual([what, true])
    expect([what, secrets.told(caller, (ns) => reads(caller, ns), answer.text)]).toEqual([what, []])
  }
}

test('every call of the document has a need said by hand, and no other', () => {
  expect(walked.map(nameOf).sort()).toEqual([...needs.keys()].sort())
  const others = new Set(routes.map(({ path }) => path).filter((path) => !path.startsWith(below)))
  expect([...others, `${below}openapi.json`].sort()).toEqual([...besides].sort())
})

describe.each(names)('%s', (name) => {
  test.each(namespaces)(
    'reads what is theirs, of %s',
    async (ns) => {
      for (const call of calls.filter(isRead)) await check(callerOf(name), call, ns)
    },
    120_000,
  )
})

describe.each(names)('%s', (name) => {
  test.each(namespaces)(
    'changes what is theirs, of %s',
    async (ns) => {
      for (const call of calls.filter((c) => !isRead(c))) await check(callerOf(name), call, ns)
    },
    120_000,
  )
})
