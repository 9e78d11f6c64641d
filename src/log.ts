import pino, { type Logger } from 'pino'
import type { Config } from './config.ts'

/** Paths whose values are never written, wherever an object carries them. */
const secrets = [
  'password',
  'token',
  'secretKey',
  'adminToken',
  'webhookToken',
  'webhookUrlToken',
  'urlToken',
  'smtpUrl',
  'databaseUrl',
  'authorization',
  'privateKey',
]

/** JSON lines on standard output; ERROR = a person must act, a retry is WARN. */
export const makeLog = (level: Config['logLevel']): Logger =>
  pino({
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: {
      paths: secrets.flatMap((name) => [name, `*.${name}`, `*.*.${name}`, `*.headers.${name}`]),
      censor: '[secret]',
    },
  })
