import { parse } from 'yaml'
import { z } from 'zod'
import { type BuildSettings, buildSettings, defaultBuildSettings } from './build-settings.ts'
import { Channels, defaultChannels } from './channel-settings.ts'
import { isHost, normaliseHost } from './oci/reference.ts'
import { People } from './people-settings.ts'
import type { RegistryConfig } from './registry/registries.ts'
import { Oidc, SignIn } from './sign-in-settings.ts'
import { webhookEntry, webhookSettings } from './webhook-settings.ts'

const line = z.string('must be text').min(1, 'must not be empty')
const perMinute = z.int('must be a whole number from 1 to 10000').min(1).max(10_000)

/** A registry as the YAML file has it; a secret is given itself or as a file's name. */
const entry = z.strictObject({
  url: line,
  name: line.optional(),
  aliases: z.array(line, 'must be a list of hosts').default([]),
  watch: z.boolean('must be true or false').default(false),
  perMinute: perMinute.optional(),
  username: line.optional(),
  password: line.optional(),
  passwordFile: line.optional(),
  caFile: line.optional(),
  insecure: z.boolean('must be true or false').default(false),
  webhookToken: line.optional(),
  webhookTokenFile: line.optional(),
  webhook: webhookEntry.optional(),
})
const file = z.strictObject({
  registries: z.array(entry).default([]),
  ...buildSettings,
  channels: Channels.prefault({}),
  people: People.prefault({}),
  oidc: Oidc.optional(),
  signIn: SignIn.prefault({}),
})

/** A registry as it was said, its secrets already read. */
export type Said = Omit<RegistryConfig, 'name'> & { name?: string | undefined }

/** Gives a file's text; where it cannot, a fault that begins with `name` is told, and the answer is undefined. */
export type Read = (name: string, path: string) => string | undefined

/** What holds besides registries where there is no file. */
export const noFile = () => ({
  ...defaultBuildSettings(),
  ...{ channels: defaultChannels(), people: People.parse({}), oidc: undefined, signIn: SignIn.parse({}) },
})

/** What DRYDOCK_CONFIG's text says. */
export function settingsOfFile(
  text: string,
  read: Read,
  fault: (text: string) => void,
): BuildSettings & {
  registries: RegistryConfig[]
  channels: Channels
  people: People
  oidc?: Oidc | undefined
  signIn: SignIn
} {
  const nothing = { registries: [], ...noFile() }
  let yaml: unknown
  try {
    yaml = parse(text)
  } catch (error) {
    fault(`DRYDOCK_CONFIG: is no YAML: ${(error as Error).message.split('\n')[0]}`)
    return nothing
  }
  const parsed = file.safeParse(yaml ?? {})
  if (!parsed.success) {
    for (const { path, message } of parsed.error.issues) fault(`DRYDOCK_CONFIG: ${[...path, message].join(': ')}`)
    return nothing
  }
  const { machines, builds, channels, people, oidc, signIn } = parsed.data
  const registries = parsed.data.registries.flatMap(({ passwordFile, webhookTokenFile, webhook, ...said }, i) => {
    const place = `DRYDOCK_CONFIG: registries: ${i}`
    const secret = (name: 'password' | 'webhookToken', path: string | undefined) => {
      if (said[name] !== undefined && path !== undefined) fault(`${place}: ${name} and ${name}File are both set`)
      return path === undefined ? said[name] : read(`${place}: ${name}File`, path)
    }
    if (said.perMinute !== undefined && !said.watch) fault(`${place}: perMinute: is for a registry with watch`)
    if (said.watch && (said.webhookToken !== undefined || webhookTokenFile !== undefined))
      fault(`${place}: webhookToken: a registry with watch sends nothing`)
    if (said.watch && webhook !== undefined) fault(`${place}: webhook: a registry with watch sends nothing`)
    const told = (part: string) => (text: string) => fault(`${place}: ${part}${text}`)
    const hook =
      webhook && webhookSettings(webhook, (name, path) => read(`${place}: webhook: ${name}`, path), told('webhook: '))
    const password = secret('password', passwordFile)
    const webhookToken = secret('webhookToken', webhookTokenFile)
    return registryOf({ ...said, password, webhookToken, ...(hook ? { webhook: hook } : {}) }, read, told(''))
  })
  return { registries, machines, builds, channels, people, oidc, signIn }
}

/** The registry that is meant: one, or none where a fault was told. */
export function registryOf(said: Said, read: Read, fault: (text: string) => void): RegistryConfig[] {
  const url = URL.parse(said.url)
  if (url === null || !/^https?:$/.test(url.protocol) || url.hostname === '') {
    fault('url: must be an address that starts with http:// or https://')
    return []
  }
  const name = normaliseHost(said.name ?? url.host)
  const aliases = [...new Set((said.aliases ?? []).map(normaliseHost))].filter((alias) => alias !== name)
  const faults = [
    url.username || url.password ? 'url: must have no account; there are a username and a password' : '',
    url.pathname !== '/' || url.search || url.hash ? 'url: must end after host and port' : '',
    ...[{ field: 'name', host: name }, ...aliases.map((host) => ({ field: 'aliases', host }))].map(({ field, host }) =>
      isHost(host)
        ? ''
        : `${field}: "${host}" cannot be the host of an image reference: it wants a dot, a port, or to be localhost`,
    ),
    url.protocol === 'http:' && !isLoopback(url.hostname) && !said.insecure
      ? 'url: plain http is for loopback alone, unless insecure is set'
      : '',
    (said.username == null) === (said.password == null) ? '' : 'username and password: one without the other',
    said.webhookToken == null || isToken(said.webhookToken) ? '' : `webhookToken: ${tokenFault}`,
  ].filter((text) => text !== '')
  for (const text of faults) fault(text)
  const trusted = said.caFile == null || read('caFile', said.caFile) !== undefined
  return faults.length === 0 && trusted ? [Object.freeze({ ...said, name, aliases, url: url.origin })] : []
}

/** Faults for hosts that two registries claim: as name or alias. */
export function sharedHosts(registries: readonly RegistryConfig[]): string[] {
  const names = registries.map((registry) => registry.name)
  const twice = new Set(names.filter((name, i) => names.indexOf(name) !== i))
  const owners = new Map(names.map((name) => [name, name]))
  const faults = [...twice].map((name) => `two registries are called ${name}`)
  for (const { name, aliases = [] } of registries)
    for (const alias of aliases) {
      const owner = owners.get(alias)
      if (owner === undefined) owners.set(alias, name)
      else if (owner === alias) faults.push(`${alias} is an alias of ${name}, and the name of another registry`)
      else faults.push(`${alias} is an alias of two registries, ${owner} and ${name}`)
    }
  return faults
}

/** What an Authorization header can carry. */
export const isToken = (text: string): boolean => /^[\x21-\x7e]+$/.test(text)
export const tokenFault = 'must be printable ASCII without blanks'

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host.endsWith('.localhost') || host === '[::1]' || /^127(\.\d+){3}$/.test(host)
