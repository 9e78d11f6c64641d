import pino from 'pino'
import type { Deps } from '../../src/deps.ts'
import { makeJobs } from '../../src/jobs/jobs.ts'
import type { TestDatabase } from './postgres.ts'

/** What most steps use, on a test's own database: real SQL, real queue, the real clock, a silent log. */
export const testDeps = (pg: TestDatabase): Pick<Deps, 'sql' | 'db' | 'jobs' | 'clock' | 'log'> => ({
  sql: pg.sql,
  db: pg.db,
  jobs: makeJobs(),
  clock: () => new Date(),
  log: pino({ level: 'silent' }),
})
