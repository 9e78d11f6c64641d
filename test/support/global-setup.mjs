import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startEmbedded } from '../../src/db/embedded.ts'
import { migrate } from '../../src/db/migrate.ts'
import { connect } from '../../src/db/postgres.ts'

/** Runs outside jest's transform: Node strips the types of what it imports. Starts the one PostgreSQL of a run and makes the template that every test file's database is a copy of. */
export default async function globalSetup() {
  const dir = mkdtempSync(join(tmpdir(), 'drydock-jest-'))
  const server = await startEmbedded(dir, { durable: false })
  const sql = connect(server.url, { max: 1 })
  await sql`create database template_drydock`
  await sql.end()
  await migrate(server.url.replace(/\/postgres$/, '/template_drydock'))
  process.env.DRYDOCK_TEST_POSTGRES = server.url
  process.env.DRYDOCK_TEST_POSTGRES_DIR = dir
  Object.assign(globalThis, { drydockTestPostgres: server })
}
