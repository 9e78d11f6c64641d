import { z } from 'zod'
import { isToken, tokenFault } from './registry-settings.ts'

/** A whole number in decimal, within limits. */
const whole = (min: number, max: number, fallback: number) => {
  const wanted = `must be a whole number from ${min} to ${max}`
  return z
    .string()
    .regex(/^\d{1,9}$/, wanted)
    .default(String(fallback))
    .transform(Number)
    .refine((value) => value >= min && value <= max, wanted)
}
const seconds = (fallback: number) => whole(0, 31_536_000, fallback)
export const flag = z
  .enum(['true', 'false', '1', '0'], 'must be true or false')
  .default('false')
  .transform((text) => text === 'true' || text === '1')
const url = (protocols: RegExp, example: string) =>
  z.url({ protocol: protocols, error: `must be an address like ${example}` })
const token = z.string().refine(isToken, tokenFault)
const secret = z.string().min(16, 'must have at least 16 characters')

/** An address, or a name (in quotes where it has more than words) and an address in angle brackets: what a mail program takes for one. */
const oneAddress =
  /^(?:[^\s@<>,;:"()\\]+@[^\s@<>,;:"()\\]+|(?:"[^"\\\p{Cc}]*"|[^@<>,;:"()\\\p{Cc}]*)\s*<[^\s@<>,;:"()\\]+@[^\s@<>,;:"()\\]+>)$/u

/** What stands between commas, without blanks around it. */
export const listOf = (text: string): string[] =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')

/** What each variable may hold, and its default. */
export const environment = z.object({
  DRYDOCK_HOST: z.string().default('127.0.0.1'),
  DRYDOCK_PORT: whole(1, 65_535, 8080),
  DRYDOCK_PUBLIC_URL: url(/^https?$/, 'https://drydock.example.com').optional(),
  DATABASE_URL: url(/^postgres(ql)?$/, 'postgres://user:pass@host:5432/drydock').optional(),
  DRYDOCK_DATA_DIR: z.string().optional(),
  DRYDOCK_SECRET_KEY: secret.optional(),
  DRYDOCK_ADMIN_TOKEN: token.optional(),
  DRYDOCK_CONFIG: z.string().optional(),
  DRYDOCK_REGISTRY_URL: z.string().optional(),
  DRYDOCK_REGISTRY_NAME: z.string().optional(),
  DRYDOCK_REGISTRY_ALIASES: z.string().optional(),
  DRYDOCK_REGISTRY_USERNAME: z.string().optional(),
  DRYDOCK_REGISTRY_PASSWORD: z.string().optional(),
  DRYDOCK_REGISTRY_CA_FILE: z.string().optional(),
  DRYDOCK_REGISTRY_INSECURE: flag,
  DRYDOCK_WEBHOOK_TOKEN: token.optional(),
  DRYDOCK_WEBHOOK_URL_TOKEN: secret.refine(isToken, tokenFault).optional(),
  SMTP_URL: url(/^smtps?$/, 'smtp://user:pass@host:587').optional(),
  MAIL_FROM: z
    .string()
    .regex(oneAddress, 'must be one mail address, perhaps with a name: Drydock <drydock@example.com>')
    .optional(),
  DRYDOCK_NOTIFY_WINDOW: seconds(300),
  DRYDOCK_STILL_OUTDATED_DAYS: whole(0, 3650, 7),
  DRYDOCK_KEEP_MAILS: whole(0, 36_500, 90),
  DRYDOCK_SETTLE: seconds(30),
  DRYDOCK_RECONCILE_INTERVAL: seconds(3600),
  DRYDOCK_WATCH: z
    .string()
    .default('*')
    .transform(listOf)
    .pipe(z.array(z.string().regex(/^[A-Za-z0-9.:*[\]-]+$/, 'must be a list of hosts, with * for any characters'))),
  DRYDOCK_WATCH_INTERVAL: whole(1, 31_536_000, 3600),
  DRYDOCK_PEOPLE_INTERVAL: seconds(300),
  PORTUS_URL: z.string().optional(),
  PORTUS_USERNAME: z
    .string()
    .regex(/^[\x21-\x39\x3b-\x7e]+$/, 'must be printable ASCII without blanks and colons')
    .optional(),
  PORTUS_TOKEN: token.optional(),
  PORTUS_DATABASE_URL: z.string().optional(),
  DRYDOCK_SCANNER: z.enum(['true', 'false'], 'must be true or false').optional(),
  DRYDOCK_CLAIR_URL: url(/^https?$/, 'http://clair:6060').optional(),
  DRYDOCK_OBSERVE: flag,
  DRYDOCK_BUILDER: z
    .union(
      [z.enum(['docker', 'docker-machine', 'rebase']), url(/^https?$/, 'https://builder.example.com')],
      'must be docker, docker-machine, rebase, or the http(s):// address of a build service',
    )
    .optional(),
  DRYDOCK_BUILDER_TOKEN: secret.refine(isToken, tokenFault).optional(),
  DRYDOCK_MACHINE_DRIVER: z.string().max(100).optional(),
  DRYDOCK_MACHINE_OPTIONS: z.string().max(100_000).optional(),
  DRYDOCK_MACHINE_POOL: whole(0, 1000, 0),
  DRYDOCK_MACHINE_COMMAND: z.string().max(4096).default('docker-machine'),
  DRYDOCK_BUILD_WORKERS: whole(1, 64, 2),
  DRYDOCK_GIT_PROTOCOLS: z
    .string()
    .default('https,ssh')
    .transform((text) => text.split(',').map((part) => part.trim()))
    .pipe(z.array(z.enum(['https', 'ssh', 'http', 'file'], 'must be a list out of https, ssh, http, file'))),
  DRYDOCK_LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error']).default('info'),
})
export type Environment = z.infer<typeof environment>
