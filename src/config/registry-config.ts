import { z } from 'zod'
import { normaliseHost, parseReference } from '../oci/reference.ts'

/**
 * A registry that is watched. `name`: the host in image references. `url`: where it is reached, without a slash at its end.
 * `caFile`: PEM certificates to trust besides the system's. `webhookToken`: its own, null where the common one is used.
 */
export type RegistryConfig = {
  name: string
  url: string
  username: string | null
  password: string | null
  caFile: string | null
  insecure: boolean
  webhookToken: string | null
}

const blank = { error: 'must not be empty' }
const line = z.string('must be text').min(1, blank)

/** One registry as DRYDOCK_CONFIG has it. A secret is given itself or as a file's name. */
export const registryEntry = z.strictObject({
  url: line,
  name: line.optional(),
  username: line.optional(),
  password: line.optional(),
  passwordFile: line.optional(),
  caFile: line.optional(),
  insecure: z.boolean('must be true or false').default(false),
  webhookToken: line.regex(/^[\x21-\x7e]+$/, 'must be printable ASCII without blanks').optional(),
  webhookTokenFile: line.optional(),
})

export const configFile = z.strictObject({ registries: z.array(registryEntry).default([]) })

type Entry = z.output<typeof registryEntry>

/** The registry an entry means, or what is wrong with it. `password` and `webhookToken` are already read from their files. */
export function registryConfig(entry: Entry): { registry: RegistryConfig | null; faults: string[] } {
  const url = URL.parse(entry.url)
  if (url === null || !/^https?:$/.test(url.protocol))
    return refused('url must be an address that starts with http:// or https://')
  const name = normaliseHost(entry.name ?? url.host)
  const faults = [
    ...(url.username || url.password ? ['url must have no account: use username and password'] : []),
    ...(url.pathname !== '/' || url.search || url.hash ? ['url must end after the host and port'] : []),
    ...(parseReference(`${name}/a:b`)?.host === name
      ? []
      : [`name "${name}" cannot stand as a host in an image reference: it wants a dot, a port, or to be localhost`]),
    ...(url.protocol === 'http:' && !isLoopback(url.hostname) && !entry.insecure
      ? ['plain http is for loopback alone; elsewhere set insecure']
      : []),
    ...(entry.password !== undefined && entry.username === undefined ? ['a password needs a username'] : []),
    ...(entry.username !== undefined && entry.password === undefined ? ['a username needs a password'] : []),
  ]
  if (faults.length > 0) return { registry: null, faults }
  const { username = null, password = null, caFile = null, insecure, webhookToken = null } = entry
  return { registry: { name, url: url.origin, username, password, caFile, insecure, webhookToken }, faults }
}

const refused = (fault: string) => ({ registry: null, faults: [fault] })

const isLoopback = (hostname: string): boolean =>
  hostname === 'localhost' ||
  hostname.endsWith('.localhost') ||
  hostname === '[::1]' ||
  /^127(\.\d+){3}$/.test(hostname)
