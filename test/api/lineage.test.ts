import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { Lineage, LineageNode } from '../../src/api/schemas/lineage.ts'
import { refresh } from '../../src/staleness/refresh.ts'
import { testDeps } from '../support/deps.ts'
import { estate, layer } from '../support/estate.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { markDirty, storeEstate } from '../support/store-estate.ts'
import { at, host, storeSmallWorld } from './small-world.ts'
import { startApi, type TestApi } from './start-api.ts'

let pg: TestDatabase
let api: TestApi
beforeAll(async () => {
  pg = await testDatabase()
  await storeSmallWorld(pg)
  await storeAliases()
  api = await startApi(pg)
})
afterAll(async () => {
  await api.close()
  await pg.close()
})

/** deb/base:12 and :12.4 and :bookworm on one digest, for two platforms; web/one:1 by layers, web/two:1 declared on :bookworm. */
async function storeAliases(): Promise<void> {
  const e = estate()
  const [amd, arm] = ['linux/amd64', 'linux/arm64'].map((platform) => e.build([layer(`deb ${platform}`)], { platform }))
  const base = e.index(amd!, arm!)
  for (const name of ['12', '12.4', 'bookworm']) e.push(`deb/base:${name}`, base)
  const on = (own: string, ...platforms: string[]) =>
    platforms.map((platform) =>
      e.from(platform === 'linux/amd64' ? amd! : arm!, [layer(`${own} ${platform}`)], { platform }),
    )
  const one = e.index(...on('one', 'linux/amd64', 'linux/arm64'))
  e.push('web/one:1', one)
  e.push('web/one:latest', one)
  const [two] = on('two', 'linux/arm64')
  e.declare(two!, 'annotation', { name: `${host}/deb/base:bookworm`, digest: e.digest(base) })
  e.push('web/two:1', two!)
  const [far] = on('far', 'linux/amd64')
  e.declare(far!, 'annotation', { name: 'docker.io/library/far:1' })
  e.push('web/far:1', far!)
  await storeEstate(pg.sql, e.rows())
  await markDirty(
    pg.sql,
    e.rows().tags.map((tag) => ({ kind: 'tag' as const, key: tag.ref })),
  )
  await refresh(testDeps(pg))
}

const tree = (ref: string, query = '') => api.get<Lineage>(`tags/${at(ref)}/lineage${query}`)
const short = (ref: string) => ref.replace(`${host}/`, '')
const outline = (node: LineageNode): string => {
  const marks = `${node.aliases.map((alias) => `=${short(alias)}`).join('')}${node.again ? '*' : ''}${node.cycle ? '@' : ''}${node.more > 0 ? `+${node.more}` : ''}`
  return `${short(node.ref)}${marks}${node.children.length > 0 ? `(${node.children.map(outline).join(' ')})` : ''}`
}

test('the tree up and down', async () => {
  expect(outline((await tree('app/leaf:1')).root)).toBe('app/leaf:1(app/run:1(lib/base:1))')
  const down = await tree('lib/base:1', '?direction=down')
  expect(down).toMatchObject({ direction: 'down', depth: null, truncated: false })
  expect(down.root).toMatchObject({ role: null, confidence: null, status: 'current', platforms: ['linux/amd64'] })
  expect(outline(down.root)).toBe('lib/base:1(app/run:1(app/leaf:1) app/tool:1)')
  const child = { status: 'outdated', role: 'runtime', confidence: 'declared', platforms: ['linux/amd64'] }
  expect(down.root.children[0]!).toMatchObject(child)
})

test('tags at one digest are one node: the bases of a child, and the children of a base', async () => {
  const up = await tree('web/one:1')
  expect(outline(up.root)).toBe('web/one:1(deb/base:12=deb/base:12.4=deb/base:bookworm)')
  expect(up.root.children[0]).toMatchObject({ confidence: 'ambiguous', platforms: ['linux/amd64', 'linux/arm64'] })
  expect(up.root.platforms).toEqual(['linux/amd64', 'linux/arm64'])
  expect(outline((await tree('web/two:1')).root)).toBe('web/two:1(deb/base:bookworm)')
  const down = await tree('deb/base:12', '?direction=down')
  expect(outline(down.root)).toBe('deb/base:12=deb/base:12.4=deb/base:bookworm(web/one:1=web/one:latest)')
  const named = (await tree('deb/base:bookworm', '?direction=down')).root
  expect(outline(named)).toBe('deb/base:bookworm=deb/base:12=deb/base:12.4(web/one:1=web/one:latest web/two:1)')
  expect(named.children.map((child) => child.platforms)).toEqual([['linux/amd64', 'linux/arm64'], ['linux/arm64']])
})

test('a base that nobody could ask for is a node without digest, and has a tree of its own', async () => {
  const up = (await tree('web/far:1')).root
  expect(up.children).toMatchObject([{ ref: 'docker.io/library/far:1', digest: null, status: null, role: 'runtime' }])
  for (const written of ['docker.io/library/far:1', 'far:1']) {
    const down = (await tree(written, '?direction=down')).root
    expect([outline(down), down.digest]).toEqual(['docker.io/library/far:1(web/far:1)', null])
  }
})

test('no deeper than asked for; what is left out is counted', async () => {
  expect(outline((await tree('lib/base:1', '?direction=down&depth=1')).root)).toBe('lib/base:1(app/run:1+1 app/tool:1)')
  expect(outline((await tree('app/leaf:1', '?depth=1')).root)).toBe('app/leaf:1(app/run:1+1)')
  expect(await tree('app/leaf:1', '?depth=2')).toMatchObject({ depth: 2, truncated: false })
})

test.each(['depth=0', 'depth=1001', 'depth=x', 'depth=1&depth=2', 'direction=sideways'])(
  '%s is refused',
  async (query) => {
    const answer = await api.call('GET', `tags/${at('lib/base:1')}/lineage?${query}`)
    expect([answer.status, answer.body.code]).toEqual([400, 'bad-request'])
  },
)

/** Tags with verdicts as refresh leaves them, without judging. */
async function stored(refs: string[], base: string): Promise<void> {
  await pg.sql`
    insert into repository (registry_id, name, namespace) select id, 'big/many', 'big' from registry where name = ${host} on conflict do nothing`
  const bases = [{ ref: base, digest: 'd', role: 'build', evidence: [], confidence: 'declared', pinned: false }]
  await pg.sql`
    insert into tag (repository_id, name, ref, head_digest, head_at, status, platforms)
    select r.id, split_part(asked.ref, ':', 3), asked.ref, 'sha256:' || asked.ref, 0, 'current',
      ${pg.sql.json([{ platform: 'p', digest: 'd', status: 'current', bases }])}
    from unnest(${refs}::text[]) as asked (ref), repository r where r.name = 'big/many'`
  await pg.sql`insert into tag_base (tag_id, base) select id, ${base} from tag where ref = any(${refs})`
}

test('a cycle is shown as one, and ends', async () => {
  const [a, b, c] = ['a', 'b', 'c'].map((name) => `${host}/big/many:${name}`)
  await stored([a!], b!)
  await stored([b!], a!)
  await stored([c!], b!)
  expect(outline((await tree('big/many:c')).root)).toBe('big/many:c(big/many:b(big/many:a(big/many:b@)))')
  expect(outline((await tree('big/many:b', '?direction=down')).root)).toBe(
    'big/many:b(big/many:a(big/many:b@) big/many:c)',
  )
})

test('a tree that is too large is cut, nearest first, and says how much it leaves out', async () => {
  const wide = Array.from({ length: 2100 }, (_, i) => `${host}/big/many:w${String(i).padStart(4, '0')}`)
  await stored(wide, `${host}/big/many:c`)
  await stored([`${host}/big/many:below`], wide[0]!)
  const { truncated, root } = await tree('big/many:c', '?direction=down')
  expect([truncated, root.children.length, root.more]).toEqual([true, 2000, 100])
  expect(root.children[0]).toMatchObject({ ref: wide[0], more: 1, children: [] })
  expect(root.children[1]).toMatchObject({ ref: wide[1], more: 0 })
})
