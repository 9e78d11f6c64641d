import { z } from 'zod'
import { type CanonicalHost, canonicalHosts, isHost, normaliseHost } from '../../oci/reference.ts'
import type { RegistryConfig } from '../../registry/registries.ts'
import type { Visibility } from '../person.ts'
import { type Claims, listed } from './snapshot-of.ts'
import { type Lacking, SourceError } from './source.ts'

/** MySQL has 0 and 1 for what PostgreSQL has true and false for; null is false, as in Portus. */
const flag = z.union([z.boolean(), z.number(), z.null()]).transform((value) => value === true || value === 1)
/** A whole number of any width: drivers give a bigint's as text. */
const whole = z.union([z.number().int(), z.bigint(), z.string().regex(/^-?\d{1,20}$/)])
const id = whole.transform(String)
const number = whole.transform(Number)
const text = z.string()

/** Rows of Portus' tables, db/schema.rb of https://github.com/SUSE/Portus (2.4.3: version 20180612145708). */
export const portusTables = {
  registries: z.array(z.object({ id, hostname: text, external_hostname: text.nullable() })),
  namespaces: z.array(
    z.object({
      id,
      name: text.nullable(),
      team_id: id.nullable(),
      registry_id: id,
      global: flag,
      visibility: number.nullable(),
    }),
  ),
  team_users: z.array(z.object({ user_id: id.nullable(), team_id: id.nullable(), role: number.nullable() })),
  users: z.array(
    z.object({
      id,
      username: text,
      email: text.nullable(),
      display_name: text.nullable(),
      admin: flag,
      enabled: flag,
      bot: flag,
    }),
  ),
}
export type PortusTables = { [T in keyof typeof portusTables]: z.infer<(typeof portusTables)[T]> }

/** app/models/namespace.rb, `enum visibility` */
const visibilities: readonly Visibility[] = ['private', 'protected', 'public']
/** app/models/team_user.rb, `enum role` */
const roles = ['viewer', 'contributor', 'owner'] as const
/** Portus' own account, by which its background process acts. */
export const portusItself = 'portus'

/**
 * What Portus' database says. Teams are looked at only by whom they give which role: the hidden ones too, which are the personal and the
 * global. Namespaces of registries that nobody configured are left out; where no registry is configured, `no-such-registry`.
 */
export function portusClaims(tables: PortusTables, registries: readonly RegistryConfig[]): Claims {
  const canonical = canonicalHosts(registries)
  const own = new Set(registries.map(({ name }) => name))
  const hosts = new Map(tables.registries.map((registry) => [registry.id, hostOf(registry, canonical, own)]))
  const strange = tables.registries.filter(({ id: registry }) => hosts.get(registry) === null)
  if (strange.length > 0 && strange.length === tables.registries.length) throw unknownRegistry(strange, registries)
  const users = new Map(tables.users.filter(({ username }) => username !== portusItself).map((user) => [user.id, user]))
  const unknownRoles: string[] = []
  const ofTeam = Map.groupBy(tables.team_users, ({ team_id: team }) => team)
  const namespaces: Claims['namespaces'] = []
  const members: Claims['members'] = []
  for (const namespace of tables.namespaces) {
    const registry = hosts.get(namespace.registry_id)
    if (registry == null) continue
    const name = namespace.global ? '_' : (namespace.name ?? '')
    namespaces.push({ registry, name, visibility: visibilities[namespace.visibility ?? -1] ?? null })
    for (const { user_id: user, role } of namespace.team_id === null ? [] : (ofTeam.get(namespace.team_id) ?? [])) {
      const person = user === null ? undefined : users.get(user)
      const given = roles[role ?? -1]
      if (person && !given) unknownRoles.push(person.username)
      if (person && given) members.push({ registry, namespace: name, user: person.username, role: given, told: false })
    }
  }
  const people = [...users.values()].map(({ username, email, display_name: displayName, admin, enabled, bot }) => ({
    ...{ name: username, email, displayName, enabled, bot, admin },
  }))
  const notes = [
    ...listed(
      'namespaces left out, as this registry of Portus is none of those configured (by name or alias)',
      strange.map(({ hostname }) => hostname),
    ),
    ...listed('roles left out, as Portus 2.4.3 has none of that number, of', [...new Set(unknownRoles)]),
  ]
  return { people, namespaces, members, notes, lacking: lackedByPortus({ people, namespaces, members }) }
}

/**
 * What no Portus is without, once it was in use: users, one of whom is its admin, and of each (but bots) a namespace with a team of their own,
 * which are made with them (create_personal_namespace! in app/models/user.rb).
 */
export function lackedByPortus(said: Record<'people' | 'namespaces' | 'members', readonly unknown[]>): Lacking[] {
  const lacking = (what: Lacking['what'], words: string): Lacking => ({
    ...{ what, code: 'nonsense', message: `it has ${words} at all any more, which no Portus is without` },
  })
  return [
    ...(said.people.length === 0 ? [lacking('people', 'no users')] : []),
    ...(said.namespaces.length === 0 ? [lacking('namespaces', 'no namespaces')] : []),
    ...(said.members.length === 0 ? [lacking('roles', 'no members of teams')] : []),
  ]
}

/** The configured name of a registry of Portus, by either of its host names; null where it is none. */
export function hostOf(
  registry: { hostname: string; external_hostname?: string | null | undefined },
  canonical: CanonicalHost,
  own: ReadonlySet<string>,
): string | null {
  for (const said of [registry.external_hostname, registry.hostname]) {
    const host = said && isHost(normaliseHost(said)) ? canonical(said) : null
    if (host !== null && own.has(host)) return host
  }
  return null
}

export const unknownRegistry = (
  strange: readonly { hostname: string }[],
  registries: readonly { name: string }[],
): SourceError => {
  const [said = ''] = listed(
    'Portus speaks of',
    strange.map(({ hostname }) => hostname),
  )
  const configured = registries.map(({ name }) => name).join(', ') || 'none'
  return new SourceError(
    'no-such-registry',
    `${said}; configured: ${configured}. Give the registry that name as an alias`,
  )
}
