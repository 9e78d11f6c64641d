import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { makeToken } from '../../src/access/api-tokens.ts'
import { bootstrap } from '../../src/access/principal.ts'
import { routes } from '../../src/api/routes.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { type Ns, storeAccessWorld } from './access-world.ts'
import { at, host } from './small-world.ts'
import { type Answer, type Loose, startApi, type TestApi } from './start-api.ts'

/** What lists, counts and answers about other things say to whom; that what may not be read cannot be told from what is not there. */
let pg: TestDatabase
let api: TestApi
let ids: Record<Ns, Record<string, string>>
const tokens: Record<string, string> = {}
beforeAll(async () => {
  pg = await testDatabase()
  api = await startApi(pg)
  ids = await storeAccessWorld(pg, api)
  for (const user of ['owen', 'cora', 'vera', 'stranger', 'root'])
    tokens[user] = (await makeToken(api.d, bootstrap, { user, name: 't', scopes: [], expiresAt: null })).token
}, 600_000)
afterAll(async () => {
  await api.close()
  await pg.close()
})

const as = (user: string, method: string, path: string, body?: object): Promise<Answer<Loose>> =>
  api.call(method, path, { token: tokens[user]!, ...(body === undefined ? {} : { body }) })
async function refs(user: string, path: string): Promise<string[]> {
  const answer = await as(user, 'GET', path)
  expect([path, answer.status]).toEqual([path, 200])
  return answer.body.items.map((item) => item.ref ?? (item.key as string))
}
const full = (...names: string[]) => names.map((name) => `${host}/${name}`)

test('tags: of what may be read, page after page', async () => {
  const own = full('guarded/run:1', 'hush/base:1', 'hush/base:old', 'hush/run:1', 'plaza/plain:1', 'plaza/run:1')
  const others = full('elsewhere/run:1', 'guarded/run:1', 'plaza/plain:1', 'plaza/run:1')
  expect(await refs('vera', 'tags')).toEqual(own)
  expect(await refs('stranger', 'tags')).toEqual(others)
  expect(await refs('root', 'tags')).toEqual([...full('elsewhere/run:1'), ...own])
  const paged: string[] = []
  for (let next: string | null = ''; next !== null; ) {
    const answer: Answer<Loose> = await as('stranger', 'GET', `tags?limit=1${next && `&cursor=${next}`}`)
    paged.push(...answer.body.items.map((item) => item.ref))
    next = answer.body.next
  }
  expect(paged).toEqual(others)
  expect(await refs('stranger', 'tags?namespace=hush')).toEqual([])
  expect(await refs('stranger', 'tags?repository=hush/run')).toEqual([])
  expect(await refs('stranger', 'tags?namespace=plaza')).toEqual(full('plaza/plain:1', 'plaza/run:1'))
})

test('namespaces: counted where they may be read', async () => {
  expect(await refs('stranger', 'namespaces')).toEqual(['elsewhere', 'guarded', 'plaza'])
  expect(await refs('vera', 'namespaces?limit=2')).toEqual(['guarded', 'hush'])
  const plan = await as('stranger', 'GET', `plans/${ids.plaza.plan}`)
  expect(plan.body).toMatchObject({ counts: { nodes: 1, toBuild: 1 }, builds: { failed: 1 } })
  const lists = ['builds', 'recipes', 'plans', 'policies', 'pauses', 'snoozes']
  const counts = async (user: string) =>
    Promise.all(lists.map(async (list) => [list, (await as(user, 'GET', list)).body.items.length] as const))
  expect(Object.fromEntries(await counts('stranger'))).toEqual({
    ...{ builds: 3, recipes: 1, plans: 3, policies: 3, pauses: 3, snoozes: 3 },
  })
  expect(Object.fromEntries(await counts('cora'))).toEqual({
    ...{ builds: 3, recipes: 3, plans: 3, policies: 3, pauses: 3, snoozes: 4 },
  })
  expect(Object.fromEntries(await counts('vera'))).toMatchObject({ recipes: 0, builds: 3 })
})

test('outdated: by a base that may not be read, and no question about it tells more', async () => {
  const [first] = (await as('stranger', 'GET', 'outdated?namespace=guarded')).body.items
  expect(first).toMatchObject({ causes: [{ base: '(withheld)', via: null }] })
  const inPlaza = (await as('stranger', 'GET', 'outdated?namespace=plaza')).body.items
  const second = inPlaza.find((item) => item.ref === `${host}/plaza/run:1`)
  const plain = inPlaza.find((item) => item.ref === `${host}/plaza/plain:1`)
  expect(plain).toMatchObject({ causes: [{ base: '(withheld)', stillAt: ['(withheld 2)'] }] })
  expect(second).toMatchObject({ causes: [{ base: '(withheld)', via: `${host}/guarded/run:1` }] })
  expect(await refs('stranger', 'outdated?base=hush/base:1')).toEqual([])
  expect((await refs('stranger', 'outdated?base=guarded/run:1')).sort()).toEqual(full('plaza/run:1'))
  expect((await refs('vera', 'outdated?base=hush/base:1')).sort()).toEqual(
    full('guarded/run:1', 'hush/run:1', 'plaza/plain:1', 'plaza/run:1'),
  )
})

test('one tag: its recipe and who is told, for those who act there', async () => {
  const path = `tags/${at('plaza/run:1')}`
  expect((await as('vera', 'GET', path)).body.recipe).toBeNull()
  expect((await as('cora', 'GET', path)).body.recipe).toMatchObject({ strategy: 'rebase' })
  const told = async (user: string) => {
    const { body } = await as(user, 'GET', `plans/${ids.plaza.plan}`)
    return (body.told as Loose[]).map(({ namespace, tags, people }) => [namespace, tags, people])
  }
  const person = (user: string) => ({ user, email: user === 'cora' ? `${user}@example.org` : null })
  expect(await told('cora')).toEqual([['plaza', 1, [person('cora'), person('gone'), person('owen')]]])
  expect(await told('vera')).toEqual([['plaza', 1, []]])
})

test('what of a plan was counted for everybody is for who sees all that is to be built', async () => {
  const id = ids.plaza.plan!
  const because = {
    code: 'too-many',
    message: '2 tags would be built, 1 were approved, and more than 0 beyond that need it again',
  }
  await pg.sql`update plan set approved_nodes = 1, because = ${pg.sql.json(because)} where id = ${id}`
  await pg.sql`insert into plan_node (plan_id, ref, level, waits_for) values (${id}, ${`${host}/hush/run:1`}, 2, '{}')`
  const of = async (user: string) => {
    const { approvedNodes, because: why, counts } = (await as(user, 'GET', `plans/${id}`)).body
    return [approvedNodes, (why as Loose).message, (counts as Loose).toBuild]
  }
  expect(await of('vera')).toEqual([1, because.message, 2])
  expect(await of('stranger')).toEqual([null, 'more tags would be built than may be without approval', 1])
  const [listed] = (await as('stranger', 'GET', 'plans')).body.items.filter((plan) => plan.id === id)
  expect(listed).toMatchObject({ approvedNodes: null, because: { message: expect.not.stringMatching(/\d/) } })
  await pg.sql`delete from plan_node where plan_id = ${id} and level = 2`
})

test('what a push sets off keeps its shape too, and counts what may be read', async () => {
  const plan = async (user: string) => (await as(user, 'GET', `tags/${at('plaza/run:1')}/plan`)).body
  const [shown, whole] = [await plan('vera'), await plan('stranger')]
  const nodes = ({ nodes }: Loose) => (nodes as Loose[]).map(({ ref, decision, level }) => [ref, decision, level])
  expect(nodes(whole)).toEqual([[...full('elsewhere/run:1'), expect.any(String), null]])
  expect(nodes(shown)).toEqual([['(withheld)', null, null]])
  const counted = ({ counts }: Loose) => Object.values(counts as object).reduce((sum: number, n: number) => sum + n, 0)
  expect([counted(whole), counted(shown), shown.dependents]).toEqual([1, 0, 1])
})

test('a tree keeps its shape', async () => {
  const { root } = (await as('stranger', 'GET', `tags/${at('elsewhere/run:1')}/lineage`)).body
  const chain: string[] = []
  for (let node: Loose | undefined = root; node; node = node.children[0]) chain.push(node.ref)
  expect(chain.slice(0, 3)).toEqual(full('elsewhere/run:1', 'plaza/run:1', 'guarded/run:1'))
  expect(chain[3]).toBe('(withheld)')
  const down = (await as('vera', 'GET', `tags/${at('plaza/run:1')}/lineage?direction=down`)).body.root
  expect(down.children).toMatchObject([{ ref: '(withheld)', digest: null, status: null }])
})

test('what may not be read answers as what is not there, to everything', async () => {
  const about = routes.filter((r) => /\{(ref|ns|scope)\}/.test(r.path) && r.access.need !== 'open')
  expect(about.length).toBeGreaterThan(25)
  const bodies: Record<string, (ns: string) => object> = {
    '/namespaces/{ns}/members/{user}': () => ({ role: 'viewer' }),
    '/namespaces/{ns}/credentials/{name}': () => ({ urlPrefix: 'https://g.test/', kind: 'git', password: 'p' }),
    '/namespaces/{ns}/channels/{name}': () => ({ kind: 'slack', url: 'https://chat.test/hook' }),
    '/recipes/{ref}': () => ({ strategy: 'rebase' }),
    '/builds': (ns) => ({ ref: `${ns}/run:1` }),
    '/snoozes': (ns) => ({ kind: 'tag', ref: `${ns}/run:1`, reason: 'r', expiresAt: new Date(Date.now() + 1e6) }),
  }
  const answer = async (method: string, path: string, ns: string) => {
    const values: Record<string, string> = { ref: at(`${ns}/run:1`), ns, scope: ns, user: 'someone', name: 'n' }
    const real = path.slice(1).replace(/\{(\w+)\}/g, (_, field: string) => values[field]!)
    const body = method === 'GET' || method === 'DELETE' ? undefined : (bodies[path]?.(ns) ?? {})
    const { status, text } = await as('stranger', method, real, body)
    return [method, path, status, text]
  }
  const asked = [
    ...about.map((r) => [r.method.toUpperCase(), r.path] as const),
    ...(['/builds', '/snoozes'] as const).map((path) => ['POST', path] as const),
  ]
  for (const [method, path] of asked) {
    const hidden = await answer(method, path, 'hush')
    expect(hidden).toEqual(await answer(method, path, 'nowhere'))
    expect(hidden[2]).toBe(404)
  }
  const base = (ref: string) =>
    as('stranger', 'POST', 'snoozes', {
      ...{ kind: 'base', ref, reason: 'r', expiresAt: new Date(Date.now() + 1e6).toISOString() },
    })
  expect((await base('hush/base:1')).text).toBe((await base('nowhere/base:1')).text)
  expect((await base('hush/base:1')).status).toBe(403)
  for (const list of ['builds?ref=', 'outdated?base=', 'tags?namespace=', 'outdated?namespace=', 'newer?namespace=']) {
    const of = async (ns: string) =>
      (await as('stranger', 'GET', `${list}${list.endsWith('namespace=') ? ns : `${ns}/base:1`}`)).text
    expect(await of('hush')).toBe(await of('nowhere'))
  }
})

test('a registry that was configured once stays closed, and what is outside is open', async () => {
  await pg.sql`insert into registry (name, outside) values ('once.test', false), ('outside.test', true)`
  for (const name of ['once.test', 'outside.test'])
    await pg.sql`
      with repo as (
        insert into repository (registry_id, name, namespace) select id, 'hush/old', 'hush' from registry where name = ${name} returning id)
      insert into tag (repository_id, name, ref, head_digest, head_at, status)
      select id, '1', ${`${name}/hush/old:1`}, 'sha256:o', 1, 'current' from repo`
  expect((await as('vera', 'GET', `tags/${at('once.test/hush/old:1')}`)).status).toBe(404)
  expect((await as('root', 'GET', `tags/${at('once.test/hush/old:1')}`)).status).toBe(200)
  expect((await as('vera', 'GET', `tags/${at('outside.test/hush/old:1')}`)).status).toBe(200)
  expect(await refs('vera', 'tags?namespace=hush')).not.toContain('once.test/hush/old:1')
})

test('nobody signs for somebody else', async () => {
  const snooze = (by?: string) => ({
    ...{ kind: 'tag', ref: 'plaza/run:1', reason: 'r', ...(by === undefined ? {} : { by }) },
    expiresAt: new Date(Date.now() + 1e6).toISOString(),
  })
  expect((await as('cora', 'POST', 'snoozes', snooze('owen'))).body.by).toBe('cora')
  expect((await as('cora', 'POST', 'snoozes', snooze())).body.by).toBe('cora')
  expect((await as('root', 'POST', 'snoozes', snooze('owen'))).body.by).toBe('owen')
})

test('an owner makes members, and no users; nobody is called as the bootstrap token is', async () => {
  const member = (user: string, email?: string) =>
    as('owen', 'PUT', `namespaces/plaza/members/${user}`, { role: 'viewer', ...(email ? { email } : {}) })
  expect((await member('new', 'new@example.org')).body.code).toBe('forbidden')
  expect((await member('new')).body.code).toBe('no-such-user')
  expect((await member('stranger')).status).toBe(200)
  expect((await as('root', 'PUT', 'users/admin', { email: null })).body.code).toBe('reserved-name')
  expect(
    (await as('root', 'PUT', 'namespaces/plaza/members/admin', { role: 'owner', email: 'a@b.test' })).body.code,
  ).toBe('reserved-name')
})

test('the audit log: who tried what, to admins and owners', async () => {
  const list = async (user: string, query = '') => (await as(user, 'GET', `audit${query}`)).body.items
  const recipe = `recipes/${at('hush/run:1')}`
  await as('vera', 'DELETE', recipe)
  const [refused] = await list('root', '?actor=vera')
  expect(refused).toMatchObject({
    ...{ actor: 'vera', action: 'DELETE /recipes/{ref}', subject: 'hush/run:1', namespace: 'hush' },
    ...{ status: 403, problem: 'forbidden', via: expect.stringMatching(/^token:/) },
  })
  await as('owen', 'PUT', 'namespaces/hush/credentials/n', {
    ...{ urlPrefix: 'https://git.test/', kind: 'git', password: 'very-secret-password' },
  })
  const seen = await list('owen', '?limit=500')
  expect(new Set(seen.map((entry) => entry.namespace))).toEqual(new Set(['hush', 'guarded', 'plaza']))
  expect(seen[0]).toMatchObject({ actor: 'owen', status: 204, problem: null })
  expect(await list('vera')).toEqual([])
  expect((await list('stranger')).every((entry) => entry.namespace === 'elsewhere')).toBe(true)
  const rows = await pg.sql`select row_to_json(audit)::text as row from audit`
  expect(rows.some(({ row }) => row.includes('very-secret') || row.includes('ddk_'))).toBe(false)
  expect(rows.some(({ row }) => row.includes('"status":null'))).toBe(false)
})
