import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { at, host, storeSmallWorld } from './small-world.ts'
import { type Loose, startApi, type TestApi } from './start-api.ts'

let pg: TestDatabase
let api: TestApi
let world: Awaited<ReturnType<typeof storeSmallWorld>>
beforeAll(async () => {
  pg = await testDatabase()
  world = await storeSmallWorld(pg)
  api = await startApi(pg)
})
afterAll(async () => {
  await api.close()
  await pg.close()
})

const refs = (list: Loose) => list.items.map((item) => item.ref.replace(`${host}/`, ''))

test('the outdated tags, in the shape that is promised', async () => {
  const list = await api.get('outdated')
  expect(refs(list)).toEqual(['app/leaf:1', 'app/run:1', 'app/tool:1'])
  const run = list.items[1]!
  expect(run).toEqual({
    ref: `${host}/app/run:1`,
    digest: world.run,
    platforms: ['linux/amd64'],
    outdatedSince: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    causes: [
      {
        base: `${host}/lib/base:1`,
        from: world.oldBase,
        to: world.newBase,
        role: 'runtime',
        evidence: ['annotation', 'layers'],
        confidence: 'declared',
        stillAt: [],
        via: null,
        platforms: ['linux/amd64'],
      },
    ],
    rebuild: { state: 'none', build: null, waitsFor: [] },
    ignored: null,
    snoozed: null,
  })
  expect(list.items[0]!.causes[0]!).toMatchObject({ base: `${host}/lib/base:1`, via: `${host}/app/run:1` })
  expect(list.next).toBeNull()
})

test.each([
  ['namespace=app', ['app/leaf:1', 'app/run:1', 'app/tool:1']],
  ['namespace=lib', []],
  ['namespace=_', []],
  ['namespace=nowhere', []],
  ['repository=app%2Frun', ['app/run:1']],
  ['repository=reg:5000/app/run', ['app/run:1']],
  ['base=lib%2Fbase%3A1', ['app/leaf:1', 'app/run:1', 'app/tool:1']],
  ['base=app%2Frun%3A1', ['app/leaf:1']],
  ['base=other.example:5000%2Fx%3A1', []],
  ['role=runtime', ['app/leaf:1', 'app/run:1', 'app/tool:1']],
  ['role=build', []],
  ['role=all&namespace=app&base=app/run:1', ['app/leaf:1']],
])('outdated?%s', async (query, wanted) => {
  expect(refs(await api.get(`outdated?${query}`))).toEqual(wanted)
})

test('pages of one list every item once, in the same order', async () => {
  for (const list of ['outdated', 'tags', 'repositories', 'namespaces']) {
    const whole = await api.get(list)
    const found: unknown[] = []
    let next: string | null = null
    do {
      const page: Loose = await api.get(`${list}?limit=1${next === null ? '' : `&cursor=${encodeURIComponent(next)}`}`)
      expect(page.items).toHaveLength(1)
      found.push(...page.items)
      next = page.next
    } while (next !== null)
    expect(found).toEqual(whole.items)
    expect(found.length).toBeGreaterThan(2)
  }
})

test('tags, one not judged yet, none that was deleted', async () => {
  const all = await api.get('tags')
  expect(refs(all)).toEqual(
    ['app/late:1', 'app/leaf:1', 'app/run:1', 'app/tool:1', 'lib/base:1', 'lib/base:old', 'solo:latest'].sort(),
  )
  expect(refs(await api.get('tags?status=current'))).toEqual(['lib/base:1', 'lib/base:old', 'solo:latest'])
  expect(refs(await api.get('tags?namespace=_'))).toEqual(['solo:latest'])
  expect(refs(await api.get('tags?repository=lib/base'))).toEqual(['lib/base:1', 'lib/base:old'])
  const late = await api.get(`tags/${at('app/late:1')}`)
  expect(late).toMatchObject({ status: null, because: null, platforms: [], causes: [], recipe: null })
})

test('one tag, in the shape that is promised', async () => {
  const tag = await api.get('tags/app%2Frun%3A1')
  expect(Object.keys(tag).sort()).toEqual(
    'ref status because digest pushedAt platforms causes disagreements recipe rebuild ignored snoozed newer'
      .split(' ')
      .sort(),
  )
  expect(tag).toMatchObject({ status: 'outdated', because: null, digest: world.run, recipe: null })
  const base = { ref: `${host}/lib/base:1`, digest: world.oldBase, role: 'runtime', confidence: 'declared' }
  expect(tag.platforms).toEqual([
    {
      platform: 'linux/amd64',
      digest: world.run,
      status: 'outdated',
      bases: [{ ...base, evidence: ['annotation', 'layers'], pinned: false }],
    },
  ])
})

test.each(['lib%2Fbase%3A1', 'lib%2Fbase:1', 'reg%3A5000%2Flib%2Fbase%3A1', 'REG:5000%2Flib%2Fbase%3A1'])(
  'REF written as %s',
  async (written) => {
    expect((await api.get(`tags/${written}`)).ref).toBe(`${host}/lib/base:1`)
  },
)

test('REF without a tag is latest', async () => {
  for (const written of ['solo', 'reg%3A5000%2Fsolo', 'solo%3Alatest'])
    expect((await api.get(`tags/${written}`)).ref).toBe(`${host}/solo:latest`)
})

test.each([
  ['tags/lib%2Fbase%3A9', 404, 'no-such-tag'],
  ['tags/app%2Fgone%3A1', 404, 'no-such-tag'],
  ['tags/app%2Fgone%3A1/lineage', 404, 'no-such-tag'],
  ['tags/app%2Fnever%3A1/history', 404, 'no-such-tag'],
  ['tags/other.example%3A5000%2Flib%2Fbase%3A1', 404, 'no-such-registry'],
  ['tags/lib/base:1', 404, 'no-such-route'],
  ['tags/%20lib%2Fbase%3A1', 400, 'bad-request'],
  ['tags/lib%2Fbase%3A1%00', 400, 'bad-request'],
  ['tags/lib%2FBase%3A1', 400, 'bad-request'],
  ['tags/lib%2Fb%C3%A4se%3A1', 400, 'bad-request'],
  ['tags/..%2F..%2Fetc%3A1', 400, 'bad-request'],
  ['tags/%E0%A4%A', 400, 'bad-request'],
  [`tags/lib%2Fbase%40sha256:${'0'.repeat(64)}`, 400, 'bad-request'],
  [`tags/${'a'.repeat(800)}`, 400, 'bad-request'],
  ['tags?repository=lib/base:1', 400, 'bad-request'],
  ['tags?status=old', 400, 'bad-request'],
  ['tags?status=current&status=outdated', 400, 'bad-request'],
  ['tags?namespace=a/b/c', 400, 'bad-request'],
  ['tags?namespace=', 400, 'bad-request'],
  ['outdated?base=%00', 400, 'bad-request'],
  ['outdated?role=none', 400, 'bad-request'],
  ['tags/lib%2Fbase%3A1/lineage?direction=sideways', 400, 'bad-request'],
])('%s is %i %s', async (path, status, code) => {
  const answer = await api.call('GET', path)
  expect([answer.status, answer.body.code]).toEqual([status, code])
  expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/)
})

test('the history, newest first, of a deleted tag too', async () => {
  const { items } = await api.get('tags/lib%2Fbase%3A1/history')
  expect(items.map((i) => [i.digest, i.to === null, i.exact])).toEqual([
    [world.newBase, true, true],
    [world.oldBase, false, true],
  ])
  expect(items[0]!.from).toBe(items[1]!.to)
  const gone = await api.get('tags/app%2Fgone%3A1/history')
  expect(gone.items).toHaveLength(1)
  expect(gone.items[0]!.to).not.toBeNull()
})
