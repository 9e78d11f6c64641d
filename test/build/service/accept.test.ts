import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from '@jest/globals'
import { Recipe } from '../../../src/build/recipe.ts'
import { acceptJob } from '../../../src/build/service/accept.ts'
import { sealGrant } from '../../../src/build/service/seal.ts'
import { defaultBuildSettings } from '../../../src/build-settings.ts'
import type { Config } from '../../../src/config.ts'
import { testDeps } from '../../support/deps.ts'
import { type TestDatabase, testDatabase } from '../../support/postgres.ts'

const token = 'a-token-of-both-sides-for-tests'
let pg: TestDatabase
beforeAll(async () => {
  pg = await testDatabase()
})
afterAll(() => pg.close())

const accept = async (builder: Config['builder'], machine: string) => {
  const profile = { driver: 'none', options: [], pool: 0 }
  const settings = { ...defaultBuildSettings(), machines: { profiles: { large: profile } } }
  const config = { ...settings, builder, gitProtocols: ['https'], registries: [] } as unknown as Config
  const recipe = Recipe.parse({ git: { url: 'https://git.example/app.git', ref: 'main' }, machine })
  const id = randomUUID()
  const credentials = await sealGrant(token, id, { git: null, registries: [], secrets: {} })
  const job = { id, ref: `reg:5000/app/${id}:1`, recipe, bases: [], platforms: [], credentials }
  return acceptJob({ ...testDeps(pg), config }, token, job)
}

it('takes a build for a machine that it can make', async () =>
  expect(await accept('docker-machine', 'large')).toEqual({ created: true }))

it.each(['huge', 'constructor'])('refuses one for a machine it has no profile of: %s', async (machine) =>
  expect(await accept('docker-machine', machine)).toEqual({
    faults: [{ path: 'recipe.machine', message: `this build service has no machine profile ${machine}` }],
  }),
)

it('builds it on its own daemon where it makes no machines', async () =>
  expect(await accept('docker', 'huge')).toEqual({ created: true }))
