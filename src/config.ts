/**
 * in: the environment and, where it names one, a YAML file. out: a frozen Config.
 * guarantees: nothing downstream reads the environment; a start with wrong settings fails with every fault at once.
 */
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { BuildSettings, Machines } from './build-settings.ts'
import { builderFaults, builderOf, builderWarnings, machinesOf } from './builder-settings.ts'
import type { Channels } from './channel-settings.ts'
import { type Environment, environment, flag, listOf } from './environment.ts'
import { normaliseHost } from './oci/reference.ts'
import { type PeopleSettings, type PeopleSourceConfig, peopleOf } from './people-settings.ts'
import type { RegistryConfig } from './registry/registries.ts'
import { noFile, type Read, registryOf, settingsOfFile, sharedHosts } from './registry-settings.ts'
import { settings } from './settings.ts'
import { type OidcConfig, oidcOf } from './sign-in-settings.ts'
import { sharedTokens } from './webhook-settings.ts'

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
  /** common to registries, for addresses; null: only those of its own does a registry have */
  webhookUrlToken: string | null
  /** those that send us events and are reconciled */
  registries: readonly RegistryConfig[]
  /** those with `watch`: they send nothing, and only bases that are named are asked for */
  outside: readonly RegistryConfig[]
  /** globs of hosts nobody configured that may be asked for bases; none = never */
  watch: readonly string[]
  /** seconds */
  watchInterval: number
  smtpUrl: string | null
  mailFrom: string | null
  /** seconds */
  notifyWindow: number
  /** days; 0: never */
  stillOutdatedDays: number
  /** days; 0 = for ever */
  keepMails: number
  /** seconds */
  settle: number
  /** seconds; 0 = only at start and on demand */
  reconcileInterval: number
  /** Portus, where it is asked itself: to check logins, and, without its database, for people; null without PORTUS_URL */
  portus: PeopleSettings['portus']
  /** the registry that Portus is of, where that was said */
  portusRegistry: string | null
  /** where people come from besides the API, by name */
  peopleSources: readonly PeopleSourceConfig[]
  /** seconds; 0 = only at start and on demand */
  peopleInterval: number
  /** with what people sign in besides a password; null: nothing */
  oidc: OidcConfig | null
  /** whose X-Forwarded-For is taken, as Express has it */
  trustedProxies: readonly string[]
  /** answer as a Portus' scanner; `clairUrl`: the real one behind, null without */
  scanner: boolean
  clairUrl: string | null
  observe: boolean
  /** `remote`: the build service at `builderUrl` */
  builder: 'docker' | 'docker-machine' | 'remote' | 'rebase'
  builderUrl: string | null
  /** what tracker and build service use towards each other; null: no build service here */
  builderToken: string | null
  buildWorkers: number
  /** hosts made by docker-machine; profile `default` is of DRYDOCK_MACHINE_* */
  machines: Machines & { command: string }
  builds: BuildSettings['builds']
  /** where channels may send to besides the internet */
  channels: Channels
  gitProtocols: readonly ('https' | 'ssh' | 'http' | 'file')[]
  logLevel: 'trace' | 'debug' | 'info' | 'warn' | 'error'
  /** what may be a slip or had better be otherwise: told in the log, and otherwise without effect */
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

type Env = Record<string, string | undefined>

/** Reads settings. `readFile` gives a file's text; `uid` is the process's. Throws a ConfigError. */
export function loadSettings(env: Env, readFile: (path: string) => string, uid: number | undefined): Settings {
  const faults: string[] = []
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
  const fromFile = settingsIn(values.DRYDOCK_CONFIG, read, fault)
  const registries = [...registryOfEnvironment(values, read, fault), ...fromFile.registries]
  for (const text of sharedHosts(registries)) fault(`DRYDOCK_CONFIG: ${text}`)
  for (const text of sharedTokens(values, registries)) fault(text)
  if (parsed.data?.DRYDOCK_CLAIR_URL !== undefined && !scannerOf(parsed.data))
    fault('DRYDOCK_CLAIR_URL: needs DRYDOCK_SCANNER')
  if (values.DRYDOCK_CLAIR_URL && !(values.PORTUS_URL && values.PORTUS_USERNAME && values.PORTUS_TOKEN))
    fault(
      'DRYDOCK_CLAIR_URL: needs PORTUS_URL, and PORTUS_USERNAME and PORTUS_TOKEN of an admin: what Clair finds comes after Portus was answered, so Portus must be asked to look again',
    )
  if (parsed.success) for (const text of builderFaults(parsed.data, fromFile.machines)) fault(text)
  const people = peopleOf(values, fromFile.people, registries, { read, fault })
  const oidc = oidcOf(fromFile.oidc, read, fault)
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
    webhookUrlToken: e.DRYDOCK_WEBHOOK_URL_TOKEN ?? null,
    registries: registries.filter((registry) => !registry.watch),
    outside: registries.filter((registry) => registry.watch),
    watch: e.DRYDOCK_WATCH.map(normaliseHost),
    watchInterval: e.DRYDOCK_WATCH_INTERVAL,
    smtpUrl: e.SMTP_URL ?? null,
    mailFrom: e.MAIL_FROM ?? `drydock@${mailHost(publicUrl)}`,
    notifyWindow: e.DRYDOCK_NOTIFY_WINDOW,
    stillOutdatedDays: e.DRYDOCK_STILL_OUTDATED_DAYS,
    keepMails: e.DRYDOCK_KEEP_MAILS,
    settle: e.DRYDOCK_SETTLE,
    reconcileInterval: e.DRYDOCK_RECONCILE_INTERVAL,
    ...people,
    peopleInterval: e.DRYDOCK_PEOPLE_INTERVAL,
    oidc,
    trustedProxies: fromFile.signIn.trustedProxies,
    scanner: scannerOf(e),
    clairUrl: e.DRYDOCK_CLAIR_URL?.replace(/\/+$/, '') ?? null,
    observe: e.DRYDOCK_OBSERVE,
    ...builderOf(e.DRYDOCK_BUILDER),
    builderToken: e.DRYDOCK_BUILDER_TOKEN ?? null,
    buildWorkers: e.DRYDOCK_BUILD_WORKERS,
    machines: machinesOf(e, fromFile.machines),
    builds: fromFile.builds,
    channels: fromFile.channels,
    gitProtocols: e.DRYDOCK_GIT_PROTOCOLS,
    logLevel: e.DRYDOCK_LOG_LEVEL,
    warnings: Object.freeze([...unknownNames(env), ...builderWarnings(e)]),
  })
}

const scannerOf = (e: Environment): boolean =>
  e.DRYDOCK_SCANNER === undefined
    ? e.PORTUS_URL !== undefined || e.PORTUS_DATABASE_URL !== undefined
    : e.DRYDOCK_SCANNER === 'true'

/** Empty = not set, but where the table says that empty means something. A secret may stand in a file; both at once is a fault. */
function withFiles(env: Env, read: Read, fault: (text: string) => void): Env {
  const values: Env = {}
  for (const { name, secret: isSecret, emptyCounts } of settings) {
    values[name] = emptyCounts ? env[name] : env[name] || undefined
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
    for (const name of ['NAME', 'ALIASES', 'USERNAME', 'PASSWORD', 'CA_FILE', 'INSECURE'].map(
      (part) => `DRYDOCK_REGISTRY_${part}`,
    ))
      if (values[name]) fault(`${name}: needs DRYDOCK_REGISTRY_URL`)
    return []
  }
  const said = {
    url,
    name: values.DRYDOCK_REGISTRY_NAME,
    aliases: listOf(values.DRYDOCK_REGISTRY_ALIASES ?? ''),
    username: values.DRYDOCK_REGISTRY_USERNAME,
    password: values.DRYDOCK_REGISTRY_PASSWORD,
    caFile: values.DRYDOCK_REGISTRY_CA_FILE,
    insecure: flag.safeParse(values.DRYDOCK_REGISTRY_INSECURE).data ?? false,
  }
  const asVariable = (name: string, path: string) => read(name === 'caFile' ? 'DRYDOCK_REGISTRY_CA_FILE' : name, path)
  return registryOf(said, asVariable, (text) =>
    fault(`DRYDOCK_REGISTRY_${text.replace(/^(url|name|aliases)/, (field) => field.toUpperCase())}`),
  )
}

function settingsIn(path: string | undefined, read: Read, fault: (text: string) => void) {
  const text = path === undefined ? undefined : read('DRYDOCK_CONFIG', path)
  return text === undefined ? { registries: [], ...noFile() } : settingsOfFile(text, read, fault)
}

/** What looks like a setting of ours and is none; the client commands have some of their own. */
function unknownNames(env: Env): readonly string[] {
  const known = new Set([...settings.flatMap(({ name }) => [name, `${name}_FILE`])])
  const client = new Set(['DRYDOCK_URL', 'DRYDOCK_TOKEN', 'DRYDOCK_NEW_SECRET_KEY', 'DRYDOCK_NEW_SECRET_KEY_FILE'])
  const names = Object.keys(env).filter((name) => name.startsWith('DRYDOCK_') && !known.has(name) && !client.has(name))
  return names.sort().map((name) => `${name}: no such setting`)
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
