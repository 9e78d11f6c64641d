import { randomBytes } from 'node:crypto'
import type { PrismaClient } from '../../src/db/generated/client.ts'
import { connect, type Sql } from '../../src/db/postgres.ts'
import { makePrisma } from '../../src/db/prisma.ts'

/** A database of one test file: migrated, empty, its own. */
export type TestDatabase = { url: string; sql: Sql; db: PrismaClient; close(): Promise<void> }

export async function testDatabase(): Promise<TestDatabase> {
  const server = process.env.DRYDOCK_TEST_POSTGRES
  if (!server) throw new Error('no PostgreSQL: run through jest.config.mjs')
  const name = `test_${randomBytes(6).toString('hex')}`
  const admin = connect(server, { max: 1 })
  await admin.unsafe(`create database ${name} template template_drydock`)
  const url = server.replace(/\/postgres$/, `/${name}`)
  const sql = connect(url)
  const db = makePrisma(url)
  const close = async () => {
    await Promise.all([db.$disconnect(), sql.end({ timeout: 5 })])
    await admin.unsafe(`drop database ${name} with (force)`)
    await admin.end()
  }
  return { url, sql, db, close }
}
