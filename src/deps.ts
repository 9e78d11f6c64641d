import type { Logger } from 'pino'
import type { Vault } from './build/vault.ts'
import type { Config } from './config.ts'
import type { PrismaClient } from './db/generated/client.ts'
import type { Sql } from './db/postgres.ts'
import type { Jobs } from './jobs/jobs.ts'
import type { Mailer } from './notify/mailer.ts'
import type { Registries } from './registry/registries.ts'

/** Everything a step may need, made once in main.ts. A function names only what it uses: `Pick<Deps, 'sql' | 'jobs'>`. */
export type Deps = {
  config: Config
  log: Logger
  sql: Sql
  db: PrismaClient
  jobs: Jobs
  registries: Registries
  vault: Vault
  /** null: no SMTP_URL, mails are kept */
  mailer: Mailer | null
  clock: () => Date
}
