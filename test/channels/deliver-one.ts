import pino from 'pino'
import { makeVault } from '../../src/build/vault.ts'
import { deliver } from '../../src/channels/deliver.ts'
import { connect } from '../../src/db/postgres.ts'
import { makeJobs } from '../../src/jobs/jobs.ts'
import { configFor } from '../notify/config.ts'
import { vaultKey } from './world.ts'

/** A process that tries one delivery, to be killed while it does: `node deliver-one.ts DATABASE_URL DELIVERY_ID`. */
const [, , databaseUrl, deliveryId] = process.argv as [string, string, string, string]
const config = configFor(['r.test'], { channels: { allow: ['127.0.0.1'] } })
const sql = connect(databaseUrl, { max: 1 })
const log = pino({ level: 'silent' })
await deliver(
  { sql, config, log, jobs: makeJobs(), vault: makeVault(vaultKey), clock: () => new Date() },
  { deliveryId },
)
await sql.end()
