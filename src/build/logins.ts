import { ownKeyOf } from '../access/key-of-ref.ts'
import type { Deps } from '../deps.ts'
import type { Reference } from '../oci/reference.ts'
import { type ClearCredential, credentialFor, registryCredentialFor, secretFor } from './credentials.ts'
import { namespaceKeyOf } from './namespace-key.ts'

export type RegistryLogin = { host: string; username: string; password: string }

type Repository = Pick<Reference, 'host' | 'repository'>

/**
 * What one build may log in with. Whoever gives it has decided what this build may use; a builder asks for what it needs and keeps
 * nothing. `registry`: null = as anybody.
 */
export type Logins = {
  /** the credential that the recipe names, for its git address. Errors: `credential-missing`, `credential-not-for-url` */
  git(name: string, url: string): Promise<ClearCredential>
  registry(repository: Repository, use: 'pull' | 'push'): Promise<RegistryLogin | null>
  /** a build secret's text. Error: `credential-missing` */
  secret(name: string): Promise<string>
}

/**
 * The logins of a build of this tag, out of the database: the credentials of its namespace. Drydock's own login is used to push, and to
 * pull what anybody with an account may pull (a public or protected namespace) or what is the namespace's own: never to read another
 * namespace's private content into an image that its own people may pull. Throws BuildError (`registry-gone`) of a tag in no configured registry.
 */
export function namespaceLogins(d: Pick<Deps, 'config' | 'db' | 'vault'>, target: Repository): Logins {
  const own = namespaceKeyOf(d, target)
  return {
    git: (name, url) => credentialFor(d, own, name, url),
    secret: (name) => secretFor(d, own, name),
    async registry(repository, use) {
      const { host } = repository
      const stored = await registryCredentialFor(d, own, host, repository.repository)
      const configured = d.config.registries.find((registry) => registry.name === host)
      const mayUseOurs = use === 'push' || (await isReadable(d, own, repository))
      if (configured?.username && configured.password && mayUseOurs)
        return { host, username: configured.username, password: configured.password }
      return stored?.password ? { host, username: stored.username ?? '', password: stored.password } : null
    },
  }
}

async function isReadable(d: Pick<Deps, 'config' | 'db'>, own: string, repository: Repository): Promise<boolean> {
  const key = ownKeyOf(d, repository)
  if (key === null) return false
  if (key === own) return true
  const namespace = await d.db.namespace.findUnique({ where: { key }, select: { visibility: true } })
  return namespace !== null && namespace.visibility !== 'private'
}
