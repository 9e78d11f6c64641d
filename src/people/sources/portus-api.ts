import pLimit from 'p-limit'
import { z } from 'zod'
import { canonicalHosts } from '../../oci/reference.ts'
import type { PeopleSourceConfig } from '../../people-settings.ts'
import type { RegistryConfig } from '../../registry/registries.ts'
import type { Visibility } from '../person.ts'
import { type Asker, makeAsker } from './ask-json.ts'
import { hostOf, lackedByPortus, portusItself, unknownRegistry } from './portus-claims.ts'
import { readAll } from './read-all.ts'
import { type Claims, snapshotOf } from './snapshot-of.ts'
import { type PeopleSource, SourceError, usualLimits } from './source.ts'

type Config = Extract<PeopleSourceConfig, { kind: 'portus-api' }>

const id = z.number().int()
const flag = z
  .boolean()
  .nullish()
  .transform((value) => value === true)
/** lib/api/entities.rb of https://github.com/SUSE/Portus; 2.4.3 answers the same as the last commit. */
const Registries = z.array(z.object({ hostname: z.string(), external_hostname: z.string().nullish() }))
const Namespaces = z.array(
  z.object({
    id,
    name: z.string(),
    team: z.object({ id }).nullish(),
    visibility: z.string().nullish(),
    global: flag,
  }),
)
const Users = z.array(
  z.object({
    id,
    username: z.string(),
    email: z.string().nullish(),
    display_name: z.string().nullish(),
    admin: flag,
    enabled: flag,
    bot: flag,
  }),
)

const visibilities: readonly string[] = ['private', 'protected', 'public'] satisfies Visibility[]
const atOnce = 4

const noRoles = {
  all: "Portus' API does not tell who has which role: every member of a team hears of its namespaces, and may do here what a viewer may; PORTUS_DATABASE_URL has the roles, or people: portusMembers: by-hand",
  'by-hand':
    "Portus' API does not tell who has which role: it gives nobody one here (people: portusMembers: by-hand); give them with `drydock member set`, or set PORTUS_DATABASE_URL",
}

/** Portus' API, as an admin, who alone sees all: people, teams and visibility, without roles. */
export function portusApi(config: Config, registries: readonly RegistryConfig[], limits = usualLimits): PeopleSource {
  return {
    name: config.name,
    async read(signal) {
      const headers = { 'portus-auth': `${config.username}:${config.token}` }
      const asker = makeAsker(config.place, headers, limits)
      try {
        return snapshotOf(await claimsOf(config, registries, asker, signal), registries.length)
      } finally {
        asker.close()
      }
    },
  }
}

async function claimsOf(
  config: Config,
  registries: readonly RegistryConfig[],
  asker: Asker,
  signal: AbortSignal,
): Promise<Claims> {
  const list = <T extends z.ZodType<unknown[]>>(schema: T, path: string) => readAll(asker, schema, path, signal)
  const registry = config.registry ?? registryOf(await list(Registries, '/api/v1/registries'), registries)
  const users = await list(Users, '/api/v1/users')
  const namespaces = unique(await list(Namespaces, '/api/v1/namespaces'))
  const named = namespaces.map(({ name, team, visibility, global }) => ({
    registry,
    // the API gives the global namespace its registry's host as a name
    name: global ? '_' : name,
    visibility: visibilityOf(visibility),
    team: team?.id ?? null,
  }))
  const members: Claims['members'] = []
  if (config.members === 'all') {
    const limit = pLimit(atOnce)
    const teams = [...new Set(named.flatMap(({ team }) => team ?? []))]
    const read = (team: number) => limit(() => list(Users, `/api/v1/teams/${team}/members`))
    const ofTeam = new Map(await Promise.all(teams.map(async (team) => [team, await read(team)] as const)))
    for (const { name, team } of named)
      for (const { username } of (team === null ? null : ofTeam.get(team)) ?? [])
        if (username !== portusItself)
          members.push({ registry, namespace: name, user: username, role: 'viewer', told: true })
  }
  const people = unique(users)
    .filter(({ username }) => username !== portusItself)
    .map(({ username, email, display_name: displayName, admin, enabled, bot }) => ({
      ...{ name: username, email: email ?? null, displayName: displayName ?? null, enabled, bot, admin },
    }))
  const all = { people, namespaces: named.map(({ team: _, ...rest }) => rest), members }
  // by hand nobody has a role from here
  const lacking = lackedByPortus(all).filter(({ what }) => what !== 'roles' || config.members === 'all')
  return { ...all, notes: [noRoles[config.members]], lacking }
}

/** A namespace that is both the caller's own and visible to all stands twice in 2.4.3. */
const unique = <T extends { id: number }>(all: T[]): T[] => [...new Map(all.map((one) => [one.id, one])).values()]

/** Null where nothing is said that we know. */
function visibilityOf(said: string | null | undefined): Visibility | null {
  const plain = (said ?? '').replace(/^visibility_/, '')
  return visibilities.includes(plain) ? (plain as Visibility) : null
}

/** Portus keeps one registry; where more are told, its namespaces do not say of which they are. */
function registryOf(said: z.infer<typeof Registries>, registries: readonly RegistryConfig[]): string {
  const canonical = canonicalHosts(registries)
  const own = new Set(registries.map(({ name }) => name))
  if (said.length > 1)
    throw new SourceError(
      'no-such-registry',
      `Portus has ${said.length} registries: say which is meant by people: portusRegistry`,
    )
  const host = said[0] ? hostOf(said[0], canonical, own) : null
  if (host === null) throw unknownRegistry(said, registries)
  return host
}
