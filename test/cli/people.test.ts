import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { runWorkers, type Workers } from '../../src/jobs/run-workers.ts'
import { introduceSources } from '../../src/people/people-sources.ts'
import { pipeline } from '../../src/pipeline.ts'
import { startApi, type TestApi } from '../api/start-api.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { drydock } from './run.ts'

/** The command as a process of its own, against the real API and a worker of this database. */
let pg: TestDatabase
let api: TestApi
let workers: Workers
let env: Record<string, string>
const dir = mkdtempSync(join(tmpdir(), 'cli-people-'))
const path = join(dir, 'team.yaml')
beforeAll(async () => {
  pg = await testDatabase()
  api = await startApi(pg)
  api.d.config = { ...api.d.config, peopleSources: [{ kind: 'file', name: 'team', registry: 'reg:5000', path }] }
  await introduceSources(api.d)
  const { sql, log } = api.d
  const roles = { worker: true, builder: false }
  workers = await runWorkers({ url: pg.url, sql, log, tasks: pipeline(api.d), roles, buildWorkers: 1 })
  env = { DRYDOCK_URL: api.url, DRYDOCK_TOKEN: api.token }
})
afterAll(async () => {
  await workers.stop()
  await api.close()
  await pg.close()
  rmSync(dir, { recursive: true, force: true })
})

test('people: read now, shown with notes; a failed reading fails the command and keeps what was', async () => {
  const never = await drydock(['people'], env)
  expect([never.code, never.out]).toEqual([0, expect.stringContaining('team\tfile\treg:5000\tnever')])
  writeFileSync(path, 'users: {ada: ada@example.org}\nowners: "* @bob"\n')
  const read = await drydock(['people', 'sync'], env)
  expect([read.code, read.err]).toEqual([0, ''])
  expect(read.out).toContain('team: nobody is called so, in any source: "bob"')
  writeFileSync(path, '')
  const failed = await drydock(['people', 'sync', 'team', '--json'], env)
  expect([failed.code, failed.err]).toEqual([1, 'drydock: not synchronised: team\n'])
  expect(JSON.parse(failed.out)).toMatchObject([{ name: 'team', error: { code: 'nonsense' }, counts: { people: 1 } }])
  expect(JSON.parse((await drydock(['people', '--json'], env)).out)).toEqual([
    { ...JSON.parse(failed.out)[0], age: expect.any(Number) },
  ])
  const unknown = await drydock(['people', 'sync', 'other'], env)
  expect([unknown.code, unknown.err]).toEqual([1, expect.stringContaining('no source of people is called other')])
})

test('a role that is given or taken back is told as it then is, also by what a source says', async () => {
  writeFileSync(path, 'users: {ada: ada@example.org}\nowners: "* @bob"\nnamespaces: {app: {members: {ada: owner}}}\n')
  await drydock(['people', 'sync'], env)
  const said = async (...args: string[]) => (await drydock(['member', ...args], env)).out
  expect(await said('set', 'app', 'ada', '--role', 'viewer')).toBe(
    'ada is owner of app: another source gives more than viewer\n',
  )
  expect(await said('rm', 'app', 'ada')).toBe('ada is owner of app still, by what team says: to be changed there\n')
  await drydock(['member', 'set', 'app', 'ada'], env)
  expect(JSON.parse(await said('rm', 'app', 'ada', '--json'))).toEqual({
    ...{ namespace: 'app', user: 'ada', removed: false, role: 'owner', sources: ['team'] },
  })
  expect(await said('set', 'app', 'Ann Marie Lee', '--email', 'ann@example.org')).toBe(
    'Ann Marie Lee is contributor of app\n',
  )
  expect(await said('rm', 'app', 'Ann Marie Lee')).toBe('Ann Marie Lee is no member of app\n')
})
