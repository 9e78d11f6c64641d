import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { eventually } from '../../src/demo/watch.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { makeService, type TestService } from '../support/service.ts'

/** The whole service, as it is started. */
let pg: TestDatabase
let service: TestService
const dir = mkdtempSync(join(tmpdir(), 'people-at-start-'))
const [people, config] = [join(dir, 'people.yaml'), join(dir, 'drydock.yaml')]
beforeAll(async () => {
  pg = await testDatabase()
  service = await makeService(pg.url)
})
afterAll(async () => {
  await service.close()
  await pg.close()
  rmSync(dir, { recursive: true, force: true })
})

type Members = { items: { user: string }[] }
const members = async () => (await service.api<Members>('GET', '/namespaces/app/members')).items.map(({ user }) => user)
const write = (...names: string[]) =>
  writeFileSync(
    people,
    `users: {}\nnamespaces: {app: {members: {${names.map((name) => `${name}@example.org: owner`)}}}}\n`,
  )
const configured = (files: object[]) =>
  writeFileSync(
    config,
    JSON.stringify({ registries: [{ url: 'http://127.0.0.1:1', name: 'reg.test' }], people: { files } }),
  )

test('people are read at the start and on the interval; a source that is configured no more is forgotten', async () => {
  configured([{ path: people }])
  write('ada')
  const settings = { DRYDOCK_CONFIG: config, DRYDOCK_PEOPLE_INTERVAL: '1' }
  await service.start(settings)
  await eventually('ada is a member', 120, async () => ((await members()).join() === 'ada@example.org' ? true : null))
  write('ada', 'bob')
  await eventually('bob is one too', 120, async () => ((await members()).length === 2 ? true : null))
  await service.stop()
  configured([])
  await service.start(settings)
  expect(await members()).toEqual([])
  expect(await service.api('GET', '/people-sources')).toEqual({ items: [], next: null, unheard: [] })
})
