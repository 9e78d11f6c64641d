import { rmSync } from 'node:fs'
import { connect } from '../../src/db/postgres.ts'

/** Ends the run's PostgreSQL, whoever still holds a connection. */
export default async function globalTeardown() {
  const { drydockTestPostgres: server } = globalThis
  const sql = connect(process.env.DRYDOCK_TEST_POSTGRES, { max: 1 })
  await sql`select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and backend_type = 'client backend'`
  await sql.end()
  await server.stop()
  rmSync(process.env.DRYDOCK_TEST_POSTGRES_DIR, { recursive: true, force: true })
}
