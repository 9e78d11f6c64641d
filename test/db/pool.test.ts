import { afterAll, beforeAll, expect, it } from '@jest/globals'
import { makePool } from '../../src/db/pool.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'

let pg: TestDatabase
beforeAll(async () => {
  pg = await testDatabase()
})
afterAll(() => pg.close())

it('a pool that ends serves first who waits for a connection, and nobody who comes later', async () => {
  const errors: Error[] = []
  const pool = makePool(pg.url, 1, (error) => errors.push(error))
  const first = await pool.connect()
  const waiting = pool.connect()
  const ended = pool.end()
  first.release()
  const second = await waiting
  expect((await second.query<{ one: number }>('select 1 as one')).rows).toEqual([{ one: 1 }])
  second.release()
  await ended
  let settled = false
  const note = () => {
    settled = true
  }
  pool.connect().then(note, note)
  await pg.sql`select 1`
  expect([settled, errors]).toEqual([false, []])
})
