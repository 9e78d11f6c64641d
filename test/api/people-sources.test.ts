import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { introduceSources } from '../../src/people/people-sources.ts'
import { syncPeople } from '../../src/people/sync-people.ts'
import { addOutdated, sha } from '../notify/flags.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { startApi, type TestApi } from './start-api.ts'

let pg: TestDatabase
let api: TestApi
const dir = mkdtempSync(join(tmpdir(), 'api-people-'))
const path = join(dir, 'team.yaml')
beforeAll(async () => {
  pg = await testDatabase()
  api = await startApi(pg)
  api.d.config = { ...api.d.config, peopleSources: [{ kind: 'file', name: 'team', registry: 'reg:5000', path }] }
  await introduceSources(api.d)
})
afterAll(async () => {
  await api.close()
  await pg.close()
  rmSync(dir, { recursive: true, force: true })
})

const sync = () => syncPeople(api.d, { source: 'team' }, new AbortController().signal)

test('a source is shown before it was read, after it was, and when it fails', async () => {
  const shown = async () => (await api.get('people-sources')).items[0]
  expect(await shown()).toEqual({
    ...{ name: 'team', kind: 'file', registry: 'reg:5000', triedAt: null, syncedAt: null, age: null },
    ...{ error: null, counts: null, notes: [] },
  })
  writeFileSync(path, 'users: {ada: ada@example.org}\nnamespaces: {app: {members: {ada: owner}}}\nowners: "* @bob"\n')
  await sync()
  expect(await shown()).toMatchObject({
    ...{ age: expect.any(Number), error: null, notes: ['nobody is called so, in any source: "bob"'] },
    counts: { people: 1, namespaces: 1, members: 1, rules: 1 },
  })
  writeFileSync(path, '')
  await sync()
  expect(await shown()).toMatchObject({
    syncedAt: expect.any(String),
    error: { code: 'nonsense' },
    counts: { people: 1 },
  })
  const { text } = await api.call('GET', '/metrics')
  expect(text).toMatch(/^drydock_people_source_age_seconds\{source="team"\} \d/m)
  expect(text).toMatch(/^drydock_people_source_failing\{source="team"\} 1$/m)
})

test('what it says is seen as what the API says, and not taken back by it', async () => {
  expect((await api.get('users')).items).toMatchObject([{ name: 'ada', email: 'ada@example.org', admin: false }])
  expect((await api.get('namespaces/app/members')).items).toMatchObject([{ user: 'ada', role: 'owner' }])
  const refused = await api.call('DELETE', 'namespaces/app/members/ada')
  expect([refused.status, refused.body.code]).toEqual([409, 'managed-elsewhere'])
  expect((await api.call('DELETE', 'users/ada')).body.code).toBe('no-such-user')
  expect((await api.call('PUT', 'users/ada', { body: { email: 'mine@example.org', admin: true } })).body).toMatchObject(
    {
      ...{ email: 'mine@example.org', admin: true },
    },
  )
  expect((await api.call('DELETE', 'users/ada')).status).toBe(204)
  expect((await api.get('users')).items).toMatchObject([{ email: 'ada@example.org', admin: false }])
})

test('is read when somebody asks for it', async () => {
  const queued = () => pg.sql<{ key: string; payload: string }[]>`
    select j.key, j.payload::text as payload from graphile_worker._private_jobs j where key like 'people:%' order by key`
  expect((await api.call('POST', 'people-sources/team/sync', { body: {} })).status).toBe(202)
  await api.call('POST', 'people-sources/team/sync', { body: { believe: true } })
  expect((await queued()).map(({ key, payload }) => [key, JSON.parse(payload)])).toEqual([
    ['people:team', { source: 'team' }],
    ['people:team:believe', { source: 'team', believe: true }],
  ])
  const unknown = await api.call('POST', 'people-sources/other/sync', { body: {} })
  expect([unknown.status, unknown.body.code]).toEqual([404, 'no-such-source'])
})

test('namespaces with outdated tags of which nobody hears are named there, and counted among the numbers', async () => {
  const { sql } = pg
  for (const name of ['app', 'lost', 'ruled', 'told', 'quiet'])
    await addOutdated(sql, `reg:5000/${name}/run:1`, { base: 'reg:5000/lib/base:1', to: sha('v2') })
  await sql`update tag set ignored = '{}' where ref = 'reg:5000/quiet/run:1'`
  await sql`delete from owner_rule`
  await sql`insert into owner_rule (source, position, registry, pattern, regex, users) values ('team', 1, 'reg:5000', 'ruled/', '^ruled/.+$', '{ada}')`
  await sql`insert into namespace (key) values ('told')`
  await sql`insert into channel (namespace_key, name, kind, sealed, events, created_at) values ('told', 'c', 'slack', 's', '{outdated}', now())`
  expect((await api.get('people-sources')).unheard).toEqual(['lost'])
  await sql`update channel set enabled = false`
  expect((await api.get('people-sources')).unheard).toEqual(['lost', 'told'])
  await sql`delete from owner_rule`
  expect((await api.get('people-sources')).unheard).toEqual(['lost', 'ruled', 'told'])
  expect((await api.call('GET', '/metrics')).text).toMatch(/^drydock_namespaces_unheard \d+$/m)
  await sql`truncate tag cascade`
})
