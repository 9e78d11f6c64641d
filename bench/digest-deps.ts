import pino from 'pino'
import { makeVault } from '../src/build/vault.ts'
import { type Config, loadSettings } from '../src/config.ts'
import type { Sql } from '../src/db/postgres.ts'
import { makeJobs } from '../src/jobs/jobs.ts'

const environment = {
  DRYDOCK_REGISTRY_URL: 'https://r.example',
  DRYDOCK_PUBLIC_URL: 'https://drydock.example.org',
  MAIL_FROM: 'Drydock <drydock@example.org>',
}

/** The settings of a service for one registry, r.example. */
export const digestConfig = (more: Partial<Config>): Config => ({
  ...loadSettings(environment, () => '', 0),
  ...({ secretKey: 'a key of the benchmark', adminToken: 'a', webhookToken: 'w', builder: 'rebase' } as const),
  ...more,
})

export const digestDeps = (sql: Sql, config: Config) => ({
  ...{ sql, config, jobs: makeJobs(), log: pino({ level: 'error' }), mailer: null },
  vault: makeVault(config.secretKey),
  clock: () => new Date(),
})
