/**
 * in: a database that answers. out: prisma/migrations applied, recorded in `_prisma_migrations` as Prisma's CLI would, and the
 * job queue's own schema. guarantees: processes that start at once migrate one after another; a second run changes nothing.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { migrateJobs } from '../jobs/migrate-jobs.ts'
import { connect } from './postgres.ts'
import { withSchemaEngine } from './schema-engine.ts'

const folder = fileURLToPath(new URL('../../prisma/migrations', import.meta.url))
/** Any number, the same in every process. */
const migrationLock = 7_233_002

/** Brings the database up to date. Returns the names of the migrations applied now. */
export async function migrate(url: string): Promise<string[]> {
  const sql = connect(url, { max: 1 })
  try {
    const session = await sql.reserve()
    await session`select pg_advisory_lock(${migrationLock})`
    try {
      const { appliedMigrationNames } = await withSchemaEngine(url, null, (engine) =>
        engine.applyMigrations({
          migrationsList: migrationsList(),
          filters: { externalTables: [], externalEnums: [] },
        }),
      )
      await migrateJobs(url)
      return appliedMigrationNames
    } finally {
      await session`select pg_advisory_unlock(${migrationLock})`
      session.release()
    }
  } finally {
    await sql.end()
  }
}

/** The migration folders as the engine wants them. */
export function migrationsList() {
  const names = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort()
  return {
    baseDir: folder,
    lockfile: { path: 'migration_lock.toml', content: readFileSync(`${folder}/migration_lock.toml`, 'utf8') },
    shadowDbInitScript: '',
    migrationDirectories: names.map((path) => ({
      path,
      migrationFile: {
        path: 'migration.sql',
        content: { tag: 'ok' as const, value: readFileSync(`${folder}/${path}/migration.sql`, 'utf8') },
      },
    })),
  }
}
