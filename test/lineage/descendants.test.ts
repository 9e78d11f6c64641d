import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { basedOn } from '../../src/lineage/content.ts'
import { descendants } from '../../src/lineage/descendants.ts'
import { type Built, empty, estate, layer } from '../support/estate.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { storeEstate } from '../support/store-estate.ts'

let pg: TestDatabase
beforeAll(async () => {
  pg = await testDatabase()
})
afterAll(() => pg.close())
beforeEach(() => pg.sql`truncate manifest cascade`)

const found = async (digest: string) => (await descendants(pg.sql, digest)).sort()

const step = fc.record({
  on: fc.option(fc.nat(9), { freq: 6 }),
  layers: fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 2 }),
  env: fc.boolean(),
  history: fc.constantFrom('full', 'none'),
})

test('are just the manifests that content.ts calls based on it, whatever their histories tell', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 12 }), async (steps) => {
      await pg.sql`truncate manifest cascade`
      const e = estate()
      const images: Built[] = []
      for (const [n, { on, layers, env, history }] of steps.entries()) {
        const lines = [...layers.map((name) => layer(name)), ...(env ? [empty('ENV A=1')] : [])]
        const options = { salt: `${n}`, ...(history === 'none' ? { history: 'none' as const } : {}) }
        const base = on === null ? undefined : images[on]
        images.push(base ? e.from(base, lines, options) : e.build(lines, options))
      }
      const rows = e.rows()
      await storeEstate(pg.sql, rows)
      for (const b of rows.manifests)
        expect(await found(b.digest)).toEqual(
          rows.manifests
            .filter((a) => basedOn(a, b))
            .map((a) => a.digest)
            .sort(),
        )
    }),
    { numRuns: 30 },
  )
})

test('of what nobody knows there are none', async () => {
  expect(await found(`sha256:${'0'.repeat(64)}`)).toEqual([])
})
