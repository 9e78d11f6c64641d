import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { eventually } from '../src/demo/watch.ts'
import type { Tasks } from '../src/jobs/jobs.ts'
import { introduceSources } from '../src/people/people-sources.ts'
import { syncPeople } from '../src/people/sync-people.ts'
import type { PeopleSourceConfig } from '../src/people-settings.ts'
import { withTheirRegistries } from '../src/stand-aside.ts'
import { startWith } from './people/registries.ts'
import { type TestDatabase, testDatabase } from './support/postgres.ts'
import { makeService, type TestService } from './support/service.ts'

/** Processes beside a later start with other registries. */
let pg: TestDatabase
let service: TestService
const dir = mkdtempSync(join(tmpdir(), 'stand-aside-'))
const path = join(dir, 'team.yaml')
beforeAll(async () => {
  pg = await testDatabase()
  service = await makeService(pg.url)
  writeFileSync(path, 'users: {ann: ann@example.org}\nnamespaces: {app: {members: {ann: owner}}}\n')
})
afterAll(async () => {
  await service.close()
  await pg.close()
  rmSync(dir, { recursive: true, force: true })
})

const reading = (d: Awaited<ReturnType<typeof startWith>>) => {
  const source: PeopleSourceConfig = { kind: 'file', name: 'team', registry: 'a.test', path }
  // a file that was written within the last second is read again
  const clock = () => new Date(Date.now() + 3_600_000)
  return { ...d, clock, config: { ...d.config, peopleSources: [source], peopleInterval: 300 } }
}
const sync = (d: ReturnType<typeof reading>) => syncPeople(d, { source: 'team' }, new AbortController().signal)
const members = async () =>
  (await pg.sql<{ key: string; user: string }[]>`select namespace_key as key, user_name as user from member_said`).map(
    ({ key, user }) => `${key} ${user}`,
  )

test.each([
  ['with another one besides', ['a.test', 'b.test']],
  ['with another one', ['b.test']],
])('a process that was started before one %s takes no people over, and tells nobody', async (_, later) => {
  await pg.sql`truncate setting, registry, namespace_said, member_said, person_said, member, namespace, person, people_source cascade`
  const old = reading(await startWith(pg, 'a.test'))
  await introduceSources(old)
  expect([await sync(old), await members()]).toEqual(['synchronised', ['app ann']])
  await startWith(pg, ...later)
  expect([await sync(old), await members()]).toEqual(['other-registries', ['a.test/app ann']])
  // nor does one that has none, which names its keys otherwise
  const none = { ...old, config: { ...old.config, registries: [] } }
  expect([await sync(none), await members()]).toEqual(['other-registries', ['a.test/app ann']])

  const ran: string[] = []
  const tasks = {
    notify: async () => void ran.push('notify'),
    plan: async () => void ran.push('plan'),
  } as unknown as Tasks
  const run = (d: typeof old, name: 'notify' | 'plan') =>
    withTheirRegistries(d, tasks)[name]({}, { attempt: 1, maxAttempts: 25, signal: new AbortController().signal })
  await expect(run(old, 'notify')).rejects.toThrow('other registries')
  await run(old, 'plan')
  await run(reading(await startWith(pg, ...later)), 'notify')
  await run(reading(await startWith(pg, 'a.test')), 'notify')
  expect(ran).toEqual(['plan', 'notify', 'notify'])
  expect([await sync(old), await members()]).toEqual(['synchronised', ['app ann']])
})

test('the whole service stands aside, says so, and is not ended', async () => {
  await pg.sql`truncate setting cascade`
  const settings = { DRYDOCK_REGISTRY_URL: 'http://127.0.0.1:1', DRYDOCK_REGISTRY_NAME: 'a.test' }
  await service.start(settings)
  await startWith(pg, 'b.test')
  const answer = async (path: string) => {
    const got = await fetch(`${service.url}${path}`)
    return [got.status, ((await got.json()) as { code?: string }).code]
  }
  await eventually('it stands aside', 120, async () => ((await answer('/readyz'))[0] === 503 ? true : null))
  for (const place of ['/readyz', '/api/v1/people-sources', '/'])
    expect(await answer(place)).toEqual([503, 'other-registries'])
  expect(await answer('/healthz')).toEqual([200, undefined])
  expect(service.log()).toContain('started with other registries since')
  await service.stop()
  await service.start(settings)
  expect(await answer('/readyz')).toEqual([200, undefined])
})
