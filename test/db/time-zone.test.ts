import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { connect } from '../../src/db/postgres.ts'
import { makePrisma } from '../../src/db/prisma.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'

let pg: TestDatabase
beforeAll(async () => {
  pg = await testDatabase()
})
afterAll(() => pg.close())

test.each(['UTC', 'Pacific/Kiritimati', 'America/St_Johns'])(
  'a time is the same by both clients where the sessions of a database begin in %s',
  async (zone) => {
    await pg.sql.unsafe(`alter database "${new URL(pg.url).pathname.slice(1)}" set timezone to '${zone}'`)
    const sql = connect(pg.url)
    const withOptions = new URL(pg.url)
    withOptions.searchParams.set('options', '-c statement_timeout=60000')
    const clients = [makePrisma(pg.url), makePrisma(withOptions.href)]
    try {
      expect((await sql<{ zone: string }[]>`select current_setting('timezone') as zone`)[0]!.zone).toBe(zone)
      const at = new Date('2026-03-29T01:30:00.125Z')
      for (const [i, db] of clients.entries()) {
        const ref = `${zone}/${i}`
        await db.build.create({ data: { ref, key: '', reason: {}, recipe: {}, startedAt: at } })
        const rows = await sql<{ startedAt: Date }[]>`select started_at from build where ref = ${ref}`
        expect([...rows]).toEqual([{ startedAt: at }])
        await sql`update build set finished_at = ${at} where ref = ${ref}`
        expect(await db.build.findFirst({ where: { ref, finishedAt: at } })).toMatchObject({
          startedAt: at,
          finishedAt: at,
        })
        expect(await db.$queryRaw`select current_setting('statement_timeout') as most`).toEqual([
          { most: i === 0 ? '0' : '1min' },
        ])
      }
    } finally {
      await Promise.all([sql.end(), ...clients.map((db) => db.$disconnect())])
    }
  },
)
