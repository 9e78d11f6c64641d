import pino from 'pino'
import { connect } from '../../src/db/postgres.ts'
import { makeJobs } from '../../src/jobs/jobs.ts'
import { makeMailer } from '../../src/notify/mailer.ts'
import { send } from '../../src/notify/send.ts'
import { configFor, vault } from './config.ts'

/** A process that sends one mail, to be killed while it does: `node send-one.ts DATABASE_URL SMTP_URL MAIL_ID`. */
const [, , databaseUrl, smtpUrl, mailId] = process.argv as [string, string, string, string, string]
const config = configFor(['r.test'], { smtpUrl })
const sql = connect(databaseUrl, { max: 1 })
const log = pino({ level: 'silent' })
const mailer = makeMailer(config)
await send({ sql, config, log, vault, mailer, jobs: makeJobs(), clock: () => new Date() }, mailId)
mailer?.close()
await sql.end()
