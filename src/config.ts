/**
 * in: the environment and, where it names one, a YAML file. out: a frozen Config.
 * guarantees: nothing downstream reads the environment; a start with wrong settings fails with every fault at once.
 */
import { homedir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import type { RegistryConfig } from './registry/registries.ts'
import { isToken, type Read, registriesOfFile, registryOf, tokenFault } from './registry-settings.ts'
import { settings, unsupported } from './settings.ts'

export type Config = Readonly<{
  host: string
  port: number
  publicUrl: string
  /** null: the embedded PostgreSQL */
  databaseUrl: string | null
  dataDir: string
  secretKey: string
  adminToken: string
  webhookToken: string
  registries: readonly RegistryConfig[]
  smtpUrl: string | null
  mailFrom: string | null
  /** seconds */
  notifyWindow: number
  /** seconds */
  settle: number
  /** seconds; 0 = only at start and on demand */
  reconcileInterval: number
  observe: boolean
  builder: 'docker' | 'rebase'
  buildWorkers: number
  gitProtocols: readonly ('https' | 'ssh' | 'http' | 'file')[]
  logLevel: 'trace' | 'debug' | 'info' | 'warn' | 'error'
  /** what may be a slip: told in the log, and otherwise without effect */
  warnings: readonly string[]
}>

/** What the environment leaves open: generated secrets and a builder to probe for, filled in by main. */
export type Settings = Omit<Config, 'secretKey' | 'adminToken' | 'webhookToken' | 'builder'> & {
  secretKey: string | null
  adminToken: string | null
  webhookToken: string | null
  builder: Config['builder'] | null
}

/** Every fault of the settings, one line each. */
export class ConfigError extends Error {
  readonly code = 'config'
  readonly retryable = false
  readonly faults: readonly string[]
  constructor(faults: readonly string[]) {
    super(`the settings are wrong:\n${faults.map((fault) => `  - ${fault}`).join('\n')}`)
    this.name = 'ConfigError'
    this.faults = faults
  }
}

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
const flag = z
  .enum(['true', 'false', '1', '0'], 'must be true or false')
  .default('false')
  .transform((text) => text === 'true' || text === '1')
const url = (protocols: RegExp, example: string) =>
  z.url({ protocol: protocols, error: `must be an address like ${example}` })
const token = z.string().refine(isToken, tokenFault)
const secret = z.string().min(16, 'must have at least 16 characters')

const environment = z.object({
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
  DRYDOCK_REGISTRY_USERNAME: z.string().optional(),
  DRYDOCK_REGISTRY_PASSWORD: z.string().optional(),
  DRYDOCK_REGISTRY_CA_FILE: z.string().optional(),
  DRYDOCK_REGISTRY_INSECURE: flag,
  DRYDOCK_WEBHOOK_TOKEN: token.optional(),
  SMTP_URL: url(/^smtps?$/, 'smtp://user:pass@host:587').optional(),
  MAIL_FROM: z
    .string()
    .regex(/^[^\r\n]*[^\s@<>]+@[^\s@<>]+>?$/, 'must be a mail address')
    .optional(),
  DRYDOCK_NOTIFY_WINDOW: seconds(300),
  DRYDOCK_SETTLE: seconds(30),
  DRYDOCK_RECONCILE_INTERVAL: seconds(3600),
  DRYDOCK_OBSERVE: flag,
  DRYDOCK_BUILDER: z
    .enum(['docker', 'rebase'], 'must be docker or rebase; docker-machine and build services are not supported yet')
    .optional(),
  DRYDOCK_BUILD_WORKERS: whole(1, 64, 2),
  DRYDOCK_GIT_PROTOCOLS: z
    .string()
    .default('https,ssh')
    .transform((text) => text.split(',').map((part) => part.trim()))
    .pipe(z.array(z.enum(['https', 'ssh', 'http', 'file'], 'must be a list out of https, ssh, http, file'))),
  DRYDOCK_LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error']).default('info'),
})

type Env = Record<string, string | undefined>

/** Reads settings. `readFile` gives a file's text; `uid` is the process's. Throws a ConfigError. */
export function loadSettings(env: Env, readFile: (path: string) => string, uid: number | undefined): Settings {
  const faults: string[] = unsupported
    .filter((name) => env[name] || env[`${name}_FILE`])
    .map((name) => `${name}: not supported yet`)
  const fault = (text: string): unknown => faults.push(text)
  const read: Read = (name, path) => {
    try {
      const text = readFile(path).replace(/\r?\n$/, '')
      if (text !== '') return text
      fault(`${name}: ${path} is empty`)
    } catch (error) {
      fault(`${name}: ${path} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'no file'})`)
    }
    return undefined
  }
  const values = withFiles(env, read, fault)
  const parsed = environment.safeParse(values)
  if (!parsed.success)
    faults.push(...parsed.error.issues.map((issue) => `${issue.path[0] as string}: ${issue.message}`))
  if (values.DATABASE_URL && !values.DRYDOCK_SECRET_KEY && !env.DRYDOCK_SECRET_KEY_FILE)
    fault('DRYDOCK_SECRET_KEY: required with DATABASE_URL')
  const registries = [
    ...registryOfEnvironment(values, read, fault),
    ...registriesIn(values.DRYDOCK_CONFIG, read, fault),
  ]
  const names = registries.map((registry) => registry.name)
  for (const name of new Set(names.filter((n, i) => names.indexOf(n) !== i)))
    fault(`DRYDOCK_CONFIG: two registries are called ${name}`)
  if (!parsed.success || faults.length > 0) throw new ConfigError(faults)
  const e = parsed.data
  const publicUrl = (e.DRYDOCK_PUBLIC_URL ?? `http://${shownHost(e.DRYDOCK_HOST)}:${e.DRYDOCK_PORT}`).replace(
    /\/+$/,
    '',
  )
  return Object.freeze({
    host: e.DRYDOCK_HOST,
    port: e.DRYDOCK_PORT,
    publicUrl,
    databaseUrl: e.DATABASE_URL ?? null,
    dataDir: e.DRYDOCK_DATA_DIR ?? defaultDataDir(env, uid),
    secretKey: e.DRYDOCK_SECRET_KEY ?? null,
    adminToken: e.DRYDOCK_ADMIN_TOKEN ?? null,
    webhookToken: e.DRYDOCK_WEBHOOK_TOKEN ?? null,
    registries,
    smtpUrl: e.SMTP_URL ?? null,
    mailFrom: e.MAIL_FROM ?? `drydock@${mailHost(publicUrl)}`,
    notifyWindow: e.DRYDOCK_NOTIFY_WINDOW,
    settle: e.DRYDOCK_SETTLE,
    reconcileInterval: e.DRYDOCK_RECONCILE_INTERVAL,
    observe: e.DRYDOCK_OBSERVE,
    builder: e.DRYDOCK_BUILDER ?? null,
    buildWorkers: e.DRYDOCK_BUILD_WORKERS,
    gitProtocols: e.DRYDOCK_GIT_PROTOCOLS,
    logLevel: e.DRYDOCK_LOG_LEVEL,
    warnings: unknownNames(env),
  })
}

/** Empty = not set. A secret may stand in a file; both at once is a fault. */
function withFiles(env: Env, read: Read, fault: (text: string) => void): Env {
  const values: Env = {}
  for (const { name, secret: isSecret } of settings) {
    values[name] = env[name] || undefined
    const path = isSecret ? env[`${name}_FILE`] : undefined
    if (!path) continue
    if (values[name]) fault(`${name}: it and ${name}_FILE are both set`)
    else values[name] = read(`${name}_FILE`, path)
  }
  return values
}

function registryOfEnvironment(values: Env, read: Read, fault: (text: string) => void): RegistryConfig[] {
  const url = values.DRYDOCK_REGISTRY_URL
  if (url === undefined) {
    for (const name of ['NAME', 'USERNAME', 'PASSWORD', 'CA_FILE', 'INSECURE'].map(
      (part) => `DRYDOCK_REGISTRY_${part}`,
    ))
      if (values[name]) fault(`${name}: needs DRYDOCK_REGISTRY_URL`)
    return []
  }
  const said = {
    url,
    name: values.DRYDOCK_REGISTRY_NAME,
    username: values.DRYDOCK_REGISTRY_USERNAME,
    password: values.DRYDOCK_REGISTRY_PASSWORD,
    caFile: values.DRYDOCK_REGISTRY_CA_FILE,
    insecure: flag.safeParse(values.DRYDOCK_REGISTRY_INSECURE).data ?? false,
  }
  const asVariable = (name: string, path: string) => read(name === 'caFile' ? 'DRYDOCK_REGISTRY_CA_FILE' : name, path)
  return registryOf(said, asVariable, (text) =>
    fault(`DRYDOCK_REGISTRY_${text.replace(/^(url|name)/, (field) => field.toUpperCase())}`),
  )
}

function registriesIn(path: string | undefined, read: Read, fault: (text: string) => void): RegistryConfig[] {
  const text = path === undefined ? undefined : read('DRYDOCK_CONFIG', path)
  return text === undefined ? [] : registriesOfFile(text, read, fault)
}

/** What looks like a setting of ours and is none; the client commands have some of their own. */
function unknownNames(env: Env): readonly string[] {
  const known = new Set([...settings.flatMap(({ name }) => [name, `${name}_FILE`]), ...unsupported])
  const client = new Set(['DRYDOCK_URL', 'DRYDOCK_TOKEN'])
  const names = Object.keys(env).filter((name) => name.startsWith('DRYDOCK_') && !known.has(name) && !client.has(name))
  return Object.freeze(names.sort().map((name) => `${name}: no such setting`))
}

/** What all interfaces are called is no address that anyone could follow. */
const shownHost = (host: string): string =>
  /^(0\.0\.0\.0|::)$/.test(host) ? 'localhost' : host.includes(':') ? `[${host}]` : host

const mailHost = (publicUrl: string): string => {
  const { hostname } = new URL(publicUrl)
  return /^[\d.]+$|^\[/.test(hostname) ? 'localhost' : hostname
}

const defaultDataDir = (env: Env, uid: number | undefined): string =>
  uid === 0 ? '/var/lib/drydock' : join(env.XDG_DATA_HOME || join(env.HOME || homedir(), '.local/share'), 'drydock')
