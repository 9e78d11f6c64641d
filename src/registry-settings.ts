import { parse } from 'yaml'
import { z } from 'zod'
import { normaliseHost, parseReference } from './oci/reference.ts'
import type { RegistryConfig } from './registry/registries.ts'

const line = z.string('must be text').min(1, 'must not be empty')

/** A registry as the YAML file has it; a secret is given itself or as a file's name. */
const entry = z.strictObject({
  url: line,
  name: line.optional(),
  username: line.optional(),
  password: line.optional(),
  passwordFile: line.optional(),
  caFile: line.optional(),
  insecure: z.boolean('must be true or false').default(false),
  webhookToken: line.optional(),
  webhookTokenFile: line.optional(),
})
const file = z.strictObject({ registries: z.array(entry).default([]) })

/** A registry as it was said, its secrets already read. */
export type Said = Omit<RegistryConfig, 'name'> & { name?: string | undefined }

/** Gives a file's text; where it cannot, a fault that begins with `name` is told, and the answer is undefined. */
export type Read = (name: string, path: string) => string | undefined

/** The registries of DRYDOCK_CONFIG's text. */
export function registriesOfFile(text: string, read: Read, fault: (text: string) => void): RegistryConfig[] {
  let yaml: unknown
  try {
    yaml = parse(text)
  } catch (error) {
    fault(`DRYDOCK_CONFIG: is no YAML: ${(error as Error).message.split('\n')[0]}`)
    return []
  }
  const parsed = file.safeParse(yaml ?? {})
  if (!parsed.success) {
    for (const { path, message } of parsed.error.issues) fault(`DRYDOCK_CONFIG: ${[...path, message].join(': ')}`)
    return []
  }
  return parsed.data.registries.flatMap(({ passwordFile, webhookTokenFile, ...said }, i) => {
    const place = `DRYDOCK_CONFIG: registries: ${i}`
    const secret = (name: 'password' | 'webhookToken', path: string | undefined) => {
      if (said[name] !== undefined && path !== undefined) fault(`${place}: ${name} and ${name}File are both set`)
      return path === undefined ? said[name] : read(`${place}: ${name}File`, path)
    }
    const password = secret('password', passwordFile)
    const webhookToken = secret('webhookToken', webhookTokenFile)
    return registryOf({ ...said, password, webhookToken }, read, (text) => fault(`${place}: ${text}`))
  })
}

/** The registry that is meant: one, or none where a fault was told. */
export function registryOf(said: Said, read: Read, fault: (text: string) => void): RegistryConfig[] {
  const url = URL.parse(said.url)
  if (url === null || !/^https?:$/.test(url.protocol) || url.hostname === '') {
    fault('url: must be an address that starts with http:// or https://')
    return []
  }
  const name = normaliseHost(said.name ?? url.host)
  const faults = [
    url.username || url.password ? 'url: must have no account; there are a username and a password' : '',
    url.pathname !== '/' || url.search || url.hash ? 'url: must end after host and port' : '',
    parseReference(`${name}/a:b`)?.host === name
      ? ''
      : `name: "${name}" cannot be the host of an image reference: it wants a dot, a port, or to be localhost`,
    url.protocol === 'http:' && !isLoopback(url.hostname) && !said.insecure
      ? 'url: plain http is for loopback alone, unless insecure is set'
      : '',
    (said.username == null) === (said.password == null) ? '' : 'username and password: one without the other',
    said.webhookToken == null || isToken(said.webhookToken) ? '' : `webhookToken: ${tokenFault}`,
  ].filter((text) => text !== '')
  for (const text of faults) fault(text)
  const trusted = said.caFile == null || read('caFile', said.caFile) !== undefined
  return faults.length === 0 && trusted ? [Object.freeze({ ...said, name, url: url.origin })] : []
}

/** What an Authorization header can carry. */
export const isToken = (text: string): boolean => /^[\x21-\x7e]+$/.test(text)
export const tokenFault = 'must be printable ASCII without blanks'

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host.endsWith('.localhost') || host === '[::1]' || /^127(\.\d+){3}$/.test(host)
