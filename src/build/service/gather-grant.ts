import { keysNameHosts } from '../../access/key-of-ref.ts'
import type { Deps } from '../../deps.ts'
import type { Reference } from '../../oci/reference.ts'
import type { RegistryConfig } from '../../registry/registries.ts'
import { namespaceCredentials, secretFor } from '../credentials.ts'
import { namespaceKeyOf } from '../namespace-key.ts'
import type { Recipe } from '../recipe.ts'
import type { Grant, RegistryGrant } from './grant.ts'

type Needs = Pick<Deps, 'config' | 'db' | 'vault'>
type Target = Pick<Reference, 'host' | 'repository'>

/**
 * What a build of this tag may use (as `namespaceLogins` has it), put so that a service which knows no namespaces can keep to it: the
 * namespace's own credentials with their prefixes, and Drydock's logins for the target and for what anybody with an account may pull.
 * A credential that the recipe names and nobody stored is left out: the build then fails at just that, as it would here. Throws BuildError
 * (`credential-missing`) for a build secret, and (`registry-gone`) for a tag in no configured registry.
 */
export async function gatherGrant(d: Needs, target: Target, recipe: Recipe): Promise<Grant> {
  const own = namespaceKeyOf(d, target)
  const stored = await namespaceCredentials(d, own)
  const named = stored.find(({ name }) => name === recipe.git?.credential)
  const secrets: Grant['secrets'] = {}
  for (const { credential } of recipe.secrets) secrets[credential] = await secretFor(d, own, credential)
  return {
    git: named && named.kind !== 'secret' ? { ...named, kind: named.kind } : null,
    registries: [...(await ourLogins(d, target)), ...storedLogins(stored)],
    secrets,
  }
}

/** Drydock's own logins, each for the target and for the namespaces that it may be used for. */
async function ourLogins(d: Needs, target: Target): Promise<RegistryGrant[]> {
  const rows = await d.db.namespace.findMany({ where: { visibility: { not: 'private' } }, select: { key: true } })
  const readable = new Set(rows.map(({ key }) => key))
  readable.add(namespaceKeyOf(d, target))
  return d.config.registries.flatMap((registry) => {
    const { username, password } = registry
    if (!username || !password) return []
    const login = { username, password, hosts: [registry.name, ...(registry.aliases ?? [])] }
    const push: RegistryGrant = { ...login, use: ['push'], repository: target.repository }
    const pull: RegistryGrant = { ...login, use: ['pull'], namespaces: namespacesOf(d, registry, readable) }
    return registry.name === target.host ? [push, pull] : [pull]
  })
}

/** The names of those namespaces that lie in this registry. */
function namespacesOf(d: Pick<Deps, 'config'>, { name }: RegistryConfig, readable: ReadonlySet<string>): string[] {
  if (!keysNameHosts(d)) return [...readable].filter((key) => !key.includes('/'))
  const prefix = `${name}/`
  return [...readable].filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length))
}

/** The namespace's registry credentials, the longest prefix first. */
const storedLogins = (stored: Awaited<ReturnType<typeof namespaceCredentials>>): RegistryGrant[] =>
  stored
    .filter(({ kind, password }) => kind === 'registry' && password !== undefined)
    .sort((a, b) => b.urlPrefix.length - a.urlPrefix.length || a.name.localeCompare(b.name))
    .map(({ urlPrefix, username, password }) => ({
      use: ['pull', 'push'],
      urlPrefix,
      username: username ?? '',
      password: password!,
    }))
