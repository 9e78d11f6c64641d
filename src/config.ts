/**
 * in: the environment and, where it names one, a YAML file. out: a frozen Config.
 * guarantees: nothing downstream reads the environment; a start with wrong settings fails with every fault at once.
 */
import { homedir } from 'node:os'
import { join } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'
import { normaliseHost } from './oci/reference.ts'
import type { RegistryConfig } from './registry/registries.ts'
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

const seconds = (fallback: number) => z.coerce.number().int().min(0).max(31_536_000).default(fallback)
const flag = z
  .enum(['true', 'false', '1', '0'])
  .default('false')
  .transform((text) => text === 'true' || text === '1')
const url = (protocols: RegExp, example: string) =>
  z.url({ protocol: protocols, error: `must be an address like ${example}` })
const secret = z.string().min(16, 'must have at least 16 characters')

const environment = z.object({
  DRYDOCK_HOST: z.string().default('127.0.0.1'),
  DRYDOCK_PORT: z.coerce.number().int().min(1).max(65_535).default(8080),
  DRYDOCK_PUBLIC_URL: url(/^https?$/, 'https://drydock.example.com').optional(),
  DATABASE_URL: url(/^postgres(ql)?$/, 'postgres://user:pass@host:5432/drydock').optional(),
  DRYDOCK_DATA_DIR: z.string().optional(),
  DRYDOCK_SECRET_KEY: secret.optional(),
  DRYDOCK_ADMIN_TOKEN: z.string().optional(),
  DRYDOCK_CONFIG: z.string().optional(),
  DRYDOCK_REGISTRY_URL: url(/^https?$/, 'https://registry.example.com').optional(),
  DRYDOCK_REGISTRY_NAME: z.string().optional(),
  DRYDOCK_REGISTRY_USERNAME: z.string().optional(),
  DRYDOCK_REGISTRY_PASSWORD: z.string().optional(),
  DRYDOCK_REGISTRY_CA_FILE: z.string().optional(),
  DRYDOCK_REGISTRY_INSECURE: flag,
  DRYDOCK_WEBHOOK_TOKEN: z.string().optional(),
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
  DRYDOCK_BUILD_WORKERS: z.coerce.number().int().min(1).max(64).default(2),
  DRYDOCK_GIT_PROTOCOLS: z
    .string()
    .default('https,ssh')
    .transform((text) => text.split(',').map((part) => part.trim()))
    .pipe(z.array(z.enum(['https', 'ssh', 'http', 'file']))),
  DRYDOCK_LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error']).default('info'),
})

const file = z.strictObject({
  registries: z
    .array(
      z.strictObject({
        name: z.string().optional(),
        url: url(/^https?$/, 'https://registry.example.com'),
        username: z.string().optional(),
        password: z.string().optional(),
        caFile: z.string().optional(),
        insecure: z.boolean().default(false),
        webhookToken: z.string().min(1).optional(),
      }),
    )
    .default([]),
})

type Env = Record<string, string | undefined>

/** Reads settings. `readFile` gives a file's text; `uid` is the process's. Throws a ConfigError. */
export function loadSettings(env: Env, readFile: (path: string) => string, uid: number | undefined): Settings {
  const faults: string[] = unsupported
    .filter((name) => env[name] || env[`${name}_FILE`])
    .map((name) => `${name} is not supported yet`)
  const values = withFiles(env, readFile, faults)
  const parsed = environment.safeParse(values)
  if (!parsed.success) faults.push(...parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`))
  const listed = values.DRYDOCK_CONFIG ? fromFile(values.DRYDOCK_CONFIG, readFile, faults) : []
  if (!parsed.success) throw new ConfigError(faults)
  const e = parsed.data
  if (e.SMTP_URL && !e.MAIL_FROM) faults.push('MAIL_FROM: required with SMTP_URL')
  if (e.DATABASE_URL && !e.DRYDOCK_SECRET_KEY) faults.push('DRYDOCK_SECRET_KEY: required with DATABASE_URL')
  const own = e.DRYDOCK_REGISTRY_URL
    ? [
        registryOf({
          name: e.DRYDOCK_REGISTRY_NAME,
          url: e.DRYDOCK_REGISTRY_URL,
          username: e.DRYDOCK_REGISTRY_USERNAME,
          password: e.DRYDOCK_REGISTRY_PASSWORD,
          caFile: e.DRYDOCK_REGISTRY_CA_FILE,
          insecure: e.DRYDOCK_REGISTRY_INSECURE,
        }),
      ]
    : []
  const registries = [...own, ...listed.map(registryOf)]
  const names = registries.map((registry) => registry.name)
  for (const name of new Set(names.filter((n, i) => names.indexOf(n) !== i)))
    faults.push(`two registries are called ${name}`)
  if (faults.length > 0) throw new ConfigError(faults)
  const host = e.DRYDOCK_HOST.includes(':') ? `[${e.DRYDOCK_HOST}]` : e.DRYDOCK_HOST
  return Object.freeze({
    host: e.DRYDOCK_HOST,
    port: e.DRYDOCK_PORT,
    publicUrl: (e.DRYDOCK_PUBLIC_URL ?? `http://${host}:${e.DRYDOCK_PORT}`).replace(/\/+$/, ''),
    databaseUrl: e.DATABASE_URL ?? null,
    dataDir: e.DRYDOCK_DATA_DIR ?? defaultDataDir(env, uid),
    secretKey: e.DRYDOCK_SECRET_KEY ?? null,
    adminToken: e.DRYDOCK_ADMIN_TOKEN ?? null,
    webhookToken: e.DRYDOCK_WEBHOOK_TOKEN ?? null,
    registries,
    smtpUrl: e.SMTP_URL ?? null,
    mailFrom: e.MAIL_FROM ?? null,
    notifyWindow: e.DRYDOCK_NOTIFY_WINDOW,
    settle: e.DRYDOCK_SETTLE,
    reconcileInterval: e.DRYDOCK_RECONCILE_INTERVAL,
    observe: e.DRYDOCK_OBSERVE,
    builder: e.DRYDOCK_BUILDER ?? null,
    buildWorkers: e.DRYDOCK_BUILD_WORKERS,
    gitProtocols: e.DRYDOCK_GIT_PROTOCOLS,
    logLevel: e.DRYDOCK_LOG_LEVEL,
  })
}

/** Empty = not set. A secret may stand in a file; both at once is a fault. */
function withFiles(env: Env, readFile: (path: string) => string, faults: string[]): Env {
  const values: Env = {}
  for (const { name, secret: isSecret } of settings) {
    values[name] = env[name] || undefined
    const path = isSecret ? env[`${name}_FILE`] : undefined
    if (!path) continue
    if (values[name]) faults.push(`${name} and ${name}_FILE are both set`)
    try {
      values[name] = readFile(path).trim()
    } catch (error) {
      faults.push(`${name}_FILE: ${(error as Error).message}`)
    }
  }
  return values
}

function fromFile(
  path: string,
  readFile: (path: string) => string,
  faults: string[],
): z.infer<typeof file>['registries'] {
  try {
    const parsed = file.safeParse(parse(readFile(path)) ?? {})
    if (parsed.success) return parsed.data.registries
    faults.push(...parsed.error.issues.map((issue) => `${path}: ${issue.path.join('.')}: ${issue.message}`))
  } catch (error) {
    faults.push(`${path}: ${(error as Error).message}`)
  }
  return []
}

function registryOf(r: z.infer<typeof file>['registries'][number]): RegistryConfig {
  const { name, url: address, ...rest } = r
  return Object.freeze({
    ...rest,
    name: normaliseHost(name ?? new URL(address).host),
    url: address.replace(/\/+$/, ''),
  })
}

const defaultDataDir = (env: Env, uid: number | undefined): string =>
  uid === 0 ? '/var/lib/drydock' : join(env.XDG_DATA_HOME || join(env.HOME || homedir(), '.local/share'), 'drydock')
