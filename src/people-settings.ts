/**
 * in: `people` of DRYDOCK_CONFIG, and PORTUS_*. out: the sources that people come from besides the API, and Portus where it is asked itself.
 * guarantees: every fault is told with its place; each source has a name of its own and is about one configured registry.
 */
import { isAbsolute, resolve } from 'node:path'
import { z } from 'zod'
import { canonicalHosts } from './oci/reference.ts'
import { faultOfDatabaseUrl } from './people/sources/database-address.ts'
import { isLoopback } from './registry/loopback.ts'
import type { RegistryConfig } from './registry/registries.ts'
import type { Read } from './registry-settings.ts'

const line = z.string('must be text').min(1, 'must not be empty')
const name = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,63}$/, 'must be a name: small letters, digits and ._-')
  .refine((text) => text !== 'local', '"local" is what is told through the API')

/** `people` of the file. */
export const People = z.strictObject({
  /** all: every member of a team hears; by-hand: roles are given through the API alone */
  portusMembers: z.enum(['all', 'by-hand']).default('all'),
  portusRegistry: line.optional(),
  portusCaFile: line.optional(),
  portusInsecure: z.boolean('must be true or false').default(false),
  files: z
    .array(z.strictObject({ path: line, registry: line.optional(), name: name.optional() }))
    .max(100)
    .default([]),
  harbor: z
    .array(
      z.strictObject({
        url: line,
        username: line,
        password: line.optional(),
        passwordFile: line.optional(),
        registry: line.optional(),
        name: name.optional(),
        projects: z.array(line).optional(),
        caFile: line.optional(),
        insecure: z.boolean('must be true or false').default(false),
      }),
    )
    .max(100)
    .default([]),
})
export type People = z.infer<typeof People>

/** Where HTTP questions go, and what is trusted there. */
export type HttpPlace = { url: string; caFile: string | null; insecure: boolean }

/** `registry`: the configured name; for Portus' database null, as that names its registries itself. */
export type PeopleSourceConfig =
  | { kind: 'portus-database'; name: string; registry: null; databaseUrl: string }
  | {
      kind: 'portus-api'
      name: string
      /** null: what Portus says its registry is */
      registry: string | null
      place: HttpPlace
      username: string
      token: string
      members: 'all' | 'by-hand'
    }
  | { kind: 'file'; name: string; registry: string; path: string }
  | {
      kind: 'harbor'
      name: string
      registry: string
      place: HttpPlace
      username: string
      password: string
      /** null: all that the account may see */
      projects: readonly string[] | null
    }

/** What was said of people. `portus`: where `Portus-Auth` is checked, null without PORTUS_URL. */
export type PeopleSettings = {
  portus: (HttpPlace & { username: string | null; token: string | null }) | null
  /** the configured registry that was said to be Portus'; null: not said */
  portusRegistry: string | null
  peopleSources: readonly PeopleSourceConfig[]
}

/** The environment's variables, as they are: what is wrong with each by itself is told elsewhere. */
type Said = Readonly<Record<string, string | undefined>>
type Tell = { read: Read; fault: (text: string) => unknown }

/** The sources, in the order of their names; faults are told. */
export function peopleOf(
  said: Said,
  people: People,
  registries: readonly RegistryConfig[],
  { read, fault }: Tell,
): PeopleSettings {
  const registry = registryNames(registries, fault)
  const checked = (place: string, config: HttpPlace): HttpPlace => {
    checkPlace(place, config, read, fault)
    return { ...config, url: config.url.replace(/\/+$/, '') }
  }
  const files = people.files.map(({ path, ...file }, i) => ({
    kind: 'file' as const,
    name: file.name ?? nameOfFile(path),
    registry: registry(`DRYDOCK_CONFIG: people: files: ${i}`, file.registry),
    path: isAbsolute(path) ? path : resolve(path),
  }))
  const harbor = people.harbor.map(({ passwordFile, password, caFile, ...one }, i) => {
    const place = `DRYDOCK_CONFIG: people: harbor: ${i}`
    if ((password === undefined) === (passwordFile === undefined))
      fault(`${place}: password or passwordFile: one of them`)
    const secret = password ?? (passwordFile === undefined ? undefined : read(`${place}: passwordFile`, passwordFile))
    return {
      kind: 'harbor' as const,
      name: one.name ?? 'harbor',
      registry: registry(place, one.registry),
      place: checked(place, { url: one.url, caFile: caFile ?? null, insecure: one.insecure }),
      username: one.username,
      password: secret ?? '',
      projects: one.projects ?? null,
    }
  })
  const portus = portusOf(said, people, { registry, checked, fault })
  const peopleSources = [...portus.sources, ...files, ...harbor].sort((a, b) => (a.name < b.name ? -1 : 1))
  for (const [i, { name }] of peopleSources.entries())
    if (peopleSources[i + 1]?.name === name)
      fault(`DRYDOCK_CONFIG: people: two sources are called ${name}: give them a name each`)
  return { portus: portus.portus, portusRegistry: portus.registry, peopleSources }
}

function portusOf(
  said: Said,
  people: People,
  d: {
    registry: (place: string, said: string | undefined) => string
    checked: (place: string, config: HttpPlace) => HttpPlace
    fault: Tell['fault']
  },
): { portus: PeopleSettings['portus']; registry: string | null; sources: PeopleSourceConfig[] } {
  const { PORTUS_URL: url, PORTUS_USERNAME: username, PORTUS_TOKEN: token, PORTUS_DATABASE_URL: databaseUrl } = said
  if ((username === undefined) !== (token === undefined))
    d.fault('PORTUS_USERNAME and PORTUS_TOKEN: one without the other')
  if (url === undefined && username !== undefined) d.fault('PORTUS_USERNAME: needs PORTUS_URL')
  const fault = databaseUrl === undefined ? null : faultOfDatabaseUrl(databaseUrl)
  if (fault !== null) d.fault(`PORTUS_DATABASE_URL: ${fault}`)
  const own = { url: url ?? '', caFile: people.portusCaFile ?? null, insecure: people.portusInsecure }
  const place = url === undefined ? null : d.checked('PORTUS_URL', own)
  const registry =
    people.portusRegistry === undefined
      ? null
      : d.registry('DRYDOCK_CONFIG: people: portusRegistry', people.portusRegistry)
  const portus = place && { ...place, username: username ?? null, token: token ?? null }
  if (databaseUrl !== undefined)
    return { portus, registry, sources: [{ kind: 'portus-database', name: 'portus', registry: null, databaseUrl }] }
  if (!place || username === undefined || token === undefined) return { portus, registry, sources: [] }
  const members = people.portusMembers
  return {
    portus,
    registry,
    sources: [{ kind: 'portus-api', name: 'portus', registry, place, username, token, members }],
  }
}

/** The name of the registry that is meant, by name or alias; the only one where none is said. */
function registryNames(registries: readonly RegistryConfig[], fault: Tell['fault']) {
  const events = registries.filter(({ watch }) => !watch)
  const canonical = canonicalHosts(events)
  return (place: string, said: string | undefined): string => {
    const found = said === undefined ? (events.length === 1 ? events[0]!.name : '') : canonical(said)
    if (events.some((registry) => registry.name === found)) return found
    fault(
      said === undefined
        ? `${place}: registry: to be said where there is not exactly one registry`
        : `${place}: registry: ${said} is no configured registry`,
    )
    return found
  }
}

/** Where somebody says that plain http, or a certificate that nobody vouches for, is to be taken. */
const insecureBy = (place: string): string =>
  place === 'PORTUS_URL'
    ? 'DRYDOCK_CONFIG says people: {portusInsecure: true}'
    : 'its entry in DRYDOCK_CONFIG says insecure: true'

function checkPlace(place: string, { url: text, caFile, insecure }: HttpPlace, read: Read, fault: Tell['fault']): void {
  const url = URL.parse(text)
  if (!url || !/^https?:$/.test(url.protocol) || url.hostname === '')
    return void fault(`${place}: url: must be an address that starts with http:// or https://`)
  if (url.username || url.password || url.search || url.hash)
    fault(`${place}: url: must have no account and nothing after its path`)
  if (url.protocol === 'http:' && !isLoopback(url) && !insecure)
    fault(`${place}: url: plain http is for loopback alone, unless ${insecureBy(place)}`)
  if (caFile !== null) read(`${place}: caFile`, caFile)
}

/** `/etc/drydock/Owners.yaml` is `owners`. */
const nameOfFile = (path: string): string =>
  path
    .slice(path.lastIndexOf('/') + 1)
    .replace(/\.ya?ml$/i, '')
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/^[^a-z0-9]+/, '')
    .slice(0, 64) || 'file'
