import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'

let pg: TestDatabase
beforeAll(async () => {
  pg = await testDatabase()
})
afterAll(() => pg.close())

test('a connection that is lost while its types are asked for does not end the process', () => {
  const { status, stdout } = spawnSync(process.execPath, [join(import.meta.dirname, 'lose-type-fetch.ts'), pg.url], {
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: '' },
  })
  expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringMatching(/^told: \w+\n$/) })
})
