import { runMigrations } from 'graphile-worker'

/** The queue's own schema (`graphile_worker`). */
export const migrateJobs = (url: string): Promise<void> => runMigrations({ connectionString: url })
