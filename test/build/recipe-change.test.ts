import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { recipeChangeAt } from '../../src/build/recipe-change.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'

let pg: TestDatabase
beforeAll(async () => {
  pg = await testDatabase()
})
afterAll(() => pg.close())
beforeEach(() => pg.sql`truncate setting`)

const start = Date.parse('2026-01-05T12:00:00Z')
const after = (seconds: number) => pg.sql.begin((tx) => recipeChangeAt(tx, new Date(start + seconds * 1000)))

test('recipes that are changed one soon after the other are one change', async () => {
  expect([await after(0), await after(60), await after(120)]).toEqual(Array(3).fill('recipes@2026-01-05T12:00:00.000Z'))
  expect(await after(181)).toBe('recipes@2026-01-05T12:03:01.000Z')
})

test('however long they come, one change has an end', async () => {
  const roots = new Set<string>()
  for (let at = 0; at <= 1800; at += 50) roots.add(await after(at))
  expect([...roots]).toEqual(['recipes@2026-01-05T12:00:00.000Z', 'recipes@2026-01-05T12:15:50.000Z'])
})

test('a clock that is a little behind that of another process changes nothing, one that went far back begins anew', async () => {
  await after(100)
  expect(await after(70)).toBe('recipes@2026-01-05T12:01:40.000Z')
  expect(await after(-3600)).toBe('recipes@2026-01-05T11:00:00.000Z')
})

test('changed at the same time in several processes they are one too', async () => {
  const roots = await Promise.all(Array.from({ length: 20 }, (_, i) => after(i % 3)))
  expect(new Set(roots).size).toBe(1)
})
