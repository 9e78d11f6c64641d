/*
 * In: the configured registries. Out: a client for each, by the host that stands in references.
 * Guarantees: a password is never sent where anybody can read it, unless the configuration says `insecure`.
 */
import { readFileSync } from 'node:fs'
import { getCACertificates } from 'node:tls'
import type { Logger } from 'pino'
import { type CanonicalHost, canonicalHosts } from '../oci/reference.ts'
import type { Credentials } from './authorize.ts'
import { type ClientOptions, makeClient, type RegistryClient } from './client.ts'
import { isLoopback } from './loopback.ts'
import {
  addressOf,
  anonymousRegistry,
  matchesHost,
  type OutsideRegistry,
  outsideRegistry,
  usualPerMinute,
} from './outside.ts'

export type { RegistryClient } from './client.ts'
export type { OutsideRegistry } from './outside.ts'

/** A registry as configured. `name`: the host in references (`localhost:5000`); `url`: where it is reached. */
export type RegistryConfig = {
  name: string
  url: string
  /** further hosts under which references name it, normalised */
  aliases?: readonly string[] | undefined
  /** it sends us nothing: only the bases that are named are asked for */
  watch?: boolean | undefined
  /** requests a minute at most, where it is watched */
  perMinute?: number | undefined
  username?: string | null | undefined
  password?: string | null | undefined
  /** a PEM file of certificates to trust besides the usual ones */
  caFile?: string | null | undefined
  /** takes plain http and any certificate */
  insecure: boolean
  webhookToken?: string | null | undefined
  webhook?: WebhookSettings | undefined
}

/**
 * For webhooks in other formats than Distribution's. `urlToken`: taken in an address, where no header can be sent. `google`: whose
 * identity and audience the tokens of Pub/Sub have to name, who issues them, and where his keys are.
 */
export type WebhookSettings = {
  urlToken?: string | null | undefined
  google?: { serviceAccount: string; audience: string; issuer: string; keysUrl: string } | undefined
}

export type Registries = {
  /** The client of a host (a registry's name, an alias, `docker.io` under any of its names), or null where nobody configured it. */
  byName: (host: string) => RegistryClient | null
  /**
   * A client of a host that logs in as somebody else, or as nobody (null); whoever asked for it closes it. A host that nobody configured is
   * asked at its own address; null where it is never asked.
   */
  as: (host: string, login: Credentials | null) => RegistryClient | null
  /** Those that send us events. */
  all: () => readonly { name: string; client: RegistryClient }[]
  /** The name of the registry that a host in a reference means. What comes from outside is stored and looked up under it. */
  canonicalHost: CanonicalHost
  /** A registry that sends us nothing, where its bases may be asked for: one with `watch`, or any host that DRYDOCK_WATCH allows. */
  outside: (host: string) => OutsideRegistry | null
  close: () => void
}

/** `outside`: registries with `watch`. `watch`: globs of hosts nobody configured that may be asked. */
export type Beyond = { outside: readonly RegistryConfig[]; watch: readonly string[] }

/** The clients of all configured registries. Throws RegistryConfigError; asks no registry anything. */
export function makeRegistries(
  configs: readonly RegistryConfig[],
  log: Logger,
  { outside, watch }: Beyond = { outside: [], watch: [] },
): Registries {
  const clientsOf = (all: readonly RegistryConfig[]) =>
    all.map((config) => ({ name: config.name, client: clientOf(config, log) }))
  const sending = clientsOf(configs)
  const every = [...sending, ...clientsOf(outside)]
  const canonicalHost = canonicalHosts([...configs, ...outside])
  const byHost = new Map(every.map(({ name, client }) => [canonicalHost(name), client]))
  const watched = new Map(outside.map((config) => [config.name, config]))
  return {
    byName: (host) => byHost.get(canonicalHost(host)) ?? null,
    as(said, login) {
      const host = canonicalHost(said)
      const config = [...configs, ...outside].find(({ name }) => canonicalHost(name) === host)
      if (config) return clientOf({ ...config, username: login?.username, password: login?.password }, log)
      const url = addressOf(host)
      return url && makeClient({ url, credentials: login })
    },
    all: () => sending,
    canonicalHost,
    outside(said) {
      const host = canonicalHost(said)
      const config = watched.get(host)
      if (config) return outsideRegistry(host, optionsOf(config), config.perMinute ?? usualPerMinute, log, null)
      return byHost.has(host) || !matchesHost(watch, host) ? null : anonymousRegistry(host, log)
    },
    close() {
      for (const { client } of every) client.close()
    },
  }
}

function clientOf(config: RegistryConfig, log: Logger): RegistryClient {
  const child = log.child({ registry: config.name })
  return makeClient({
    ...optionsOf(config),
    onRetry: (error, attempt, wait) => child.warn({ err: error, attempt, wait }, 'registry: asking again'),
  })
}

function optionsOf(config: RegistryConfig): ClientOptions {
  const { name, username, password, caFile, insecure } = config
  const fault = faultOfUrl(config)
  if (fault !== null) throw new RegistryConfigError(`registry ${name}: ${fault}`)
  return {
    url: new URL(config.url),
    credentials: username && password ? { username, password } : null,
    ca: caFile ? { own: readCertificates(name, caFile), usual: getCACertificates('default') } : null,
    insecure,
  }
}

/** What is wrong with a registry's address, or null. */
function faultOfUrl({ url, insecure }: Pick<RegistryConfig, 'url' | 'insecure'>): string | null {
  const parsed = URL.parse(url)
  if (!parsed || !/^https?:$/.test(parsed.protocol)) return 'its address is none of http or https'
  if (parsed.username || parsed.password) return 'username and password do not go into the address'
  if (parsed.protocol === 'http:' && !insecure && !isLoopback(parsed))
    return 'plain http is allowed on loopback only, or with insecure'
  return null
}

function readCertificates(name: string, file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new RegistryConfigError(`registry ${name}: ${file} cannot be read`, cause)
  }
}

/** A registry that cannot be used as it is configured. */
export class RegistryConfigError extends Error {
  readonly code = 'registry-config'
  readonly retryable = false
  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause })
  }
}
