import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import type { PushPlan } from '../../src/api/schemas/plan.ts'
import type { Why } from '../../src/api/schemas/why.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { at, host, storeSmallWorld } from './small-world.ts'
import { startApi, type TestApi } from './start-api.ts'

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
afterEach(() => pg.sql`truncate build, recipe, snooze, watch, member, person, namespace cascade`)

const why = (ref: string) => api.get<Why>(`tags/${at(ref)}/why`)
const plan = (ref: string) => api.get<PushPlan>(`tags/${at(ref)}/plan`)
const full = (ref: string) => `${host}/${ref}`
const putRecipe = (ref: string, auto = true) =>
  api.call('PUT', `recipes/${at(ref)}`, { body: { strategy: 'rebase', auto } })

test('why: each cause is followed to the change outside, with digests, times and states', async () => {
  await putRecipe('app/run:1', false)
  const { items } = await api.get<{ items: { from: string }[] }>(`tags/${at('lib/base:1')}/history`)
  const found = await why('app/leaf:1')
  expect(found.tag).toEqual(await api.get(`tags/${at('app/leaf:1')}`))
  expect([found.ref, found.watch, found.builds]).toEqual([full('app/leaf:1'), null, []])
  expect(found.chains).toEqual([
    {
      ...found.tag!.causes[0]!,
      ...{ counted: true, pinned: false, since: items[0]!.from, movedAt: items[0]!.from },
      through: [
        {
          ...{ ref: full('app/run:1'), digest: world.run, status: 'outdated' },
          rebuild: { state: 'manual', build: null, waitsFor: [], because: 'its recipe says auto: false' },
        },
      ],
    },
  ])
  expect((await why('app/run:1')).chains[0]).toMatchObject({ base: full('lib/base:1'), via: null, through: [] })
})

test('why: of what is current, not judged, and known by name alone', async () => {
  expect(await why('lib/base:1')).toMatchObject({ tag: { status: 'current' }, chains: [] })
  expect(await why('app/late:1')).toMatchObject({ tag: { status: null }, chains: [] })
  const bases = [
    {
      ref: 'docker.io/library/far:1',
      digest: null,
      role: 'runtime',
      evidence: ['annotation'],
      confidence: 'declared',
      pinned: false,
    },
  ]
  await pg.sql`
    update tag set platforms = ${pg.sql.json([{ platform: 'p', digest: 'd', status: 'unknown', bases }])}
    where ref = ${full('solo:latest')}`
  await pg.sql`insert into tag_base (tag_id, base) select id, 'docker.io/library/far:1' from tag where ref = ${full('solo:latest')}`
  await pg.sql`insert into watch (ref, host, next_at, error) values ('docker.io/library/far:1', 'docker.io', now(), 'down: no')`
  expect(await why('docker.io/library/far:1')).toMatchObject({
    ...{ ref: 'docker.io/library/far:1', tag: null, chains: [], builds: [] },
    watch: { askedAt: null, error: 'down: no' },
  })
})

test('why, plan and trees of a base outside that is watched', async () => {
  const ref = 'docker.io/library/near:1'
  await pg.sql`insert into registry (name, outside) values ('docker.io', true)`
  await pg.sql`insert into repository (registry_id, name, namespace) select id, 'library/near', 'library' from registry where outside`
  await pg.sql`
    insert into tag (repository_id, name, ref, head_digest, head_at, status)
    select id, '1', ${ref}, 'sha256:near', 0, 'current' from repository where name = 'library/near'`
  await pg.sql`
    insert into watch (ref, host, next_at, asked_at) values (${ref}, 'docker.io', '2999-01-01T00:00:00Z', '2026-01-01T00:00:00Z')`
  for (const written of [ref, 'near:1', 'library/near:1'])
    expect(await why(written)).toMatchObject({
      ...{ ref, tag: { status: 'current', digest: 'sha256:near' }, chains: [] },
      watch: { askedAt: '2026-01-01T00:00:00.000Z', nextAt: '2999-01-01T00:00:00.000Z', error: null },
    })
  expect(await plan('near:1')).toMatchObject({ ref, digest: 'sha256:near', dependents: 0 })
  expect(await api.get(`tags/${at('near:1')}/lineage`)).toMatchObject({
    root: { ref, digest: 'sha256:near', children: [] },
  })
})

test('why: a chain that leads back to itself ends, and so does one whose tag has gone', async () => {
  const via = (ref: string, through: string) => pg.sql`
    update cause set via = ${full(through)} where tag_id = (select id from tag where ref = ${full(ref)})`
  await via('app/run:1', 'app/leaf:1')
  const steps = async (ref: string) => (await why(ref)).chains[0]!.through.map((step) => [step.ref, step.status])
  expect(await steps('app/leaf:1')).toEqual([
    [full('app/run:1'), 'outdated'],
    [full('app/leaf:1'), 'outdated'],
  ])
  await via('app/run:1', 'app/never:1')
  expect(await steps('app/leaf:1')).toEqual([
    [full('app/run:1'), 'outdated'],
    [full('app/never:1'), null],
  ])
  await pg.sql`update cause set via = null where tag_id = (select id from tag where ref = ${full('app/run:1')})`
})

test('plan: what is rebuilt and when, what is not and why, and who is told', async () => {
  await putRecipe('app/run:1')
  await putRecipe('app/leaf:1')
  await pg.sql`insert into person (name, email) values ('ann', 'ann@example.org'), ('bob', 'bob@example.org'), ('eve', null)`
  await pg.sql`insert into namespace (key) values ('app')`
  await pg.sql`
    insert into member (namespace_key, user_name, role) values ('app', 'ann', 'owner'), ('app', 'bob', 'viewer'), ('app', 'eve', 'owner')`
  const found = await plan('lib/base:1')
  expect(found).toMatchObject({
    ...{ ref: full('lib/base:1'), digest: world.newBase, dependents: 3, truncated: false, seconds: null, cycles: [] },
    told: [{ namespace: 'app', tags: 3, people: [{ user: 'ann', email: 'ann@example.org' }] }],
  })
  expect(found.counts).toMatchObject({ rebuild: 2, 'no-recipe': 1, waits: 0 })
  expect(
    found.nodes.map(({ ref, decision, level, because, waitsFor }) => [ref, decision, level, because, waitsFor]),
  ).toEqual([
    [full('app/run:1'), 'rebuild', 1, [full('lib/base:1')], []],
    [full('app/leaf:1'), 'rebuild', 2, [full('app/run:1')], [full('app/run:1')]],
    [full('app/tool:1'), 'no-recipe', null, [full('lib/base:1')], []],
  ])
  expect(await pg.sql`select from build`).toHaveLength(0)
})

test('plan: of what nothing is based on, of what is not, and of a base outside', async () => {
  expect(await plan('app/leaf:1')).toMatchObject({ dependents: 0, nodes: [], told: [], seconds: 0 })
  expect(await plan('docker.io/library/far:1')).toMatchObject({ digest: null, dependents: 1 })
})

test.each(['why', 'plan', 'lineage'])('%s of what is not known', async (view) => {
  for (const [ref, code] of [
    ['app/none:1', 'no-such-tag'],
    ['app/gone:1', 'no-such-tag'],
    ['other.example:5000/x:1', 'no-such-registry'],
  ]) {
    const answer = await api.call('GET', `tags/${at(ref!)}/${view}`)
    expect([answer.status, answer.body.code]).toEqual([404, code])
  }
  expect((await api.call('GET', `tags/${at('No Ref')}/${view}`)).status).toBe(400)
})
