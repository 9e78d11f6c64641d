import type { Deps } from '../deps.ts'
import type { Reference } from '../oci/reference.ts'
import type { RegistryClient } from '../registry/registries.ts'
import type { Logins } from './logins.ts'

type Repository = Pick<Reference, 'host' | 'repository'>

/**
 * Registries as one build may see them: each repository is asked with the login that the build has for it, never with Drydock's own
 * unless that is the one. `client` is null for a host that is never asked. To be closed when the build is over.
 */
export type JobRegistries = {
  client: (repository: Repository, use: 'pull' | 'push') => Promise<RegistryClient | null>
  close: () => void
}

export function jobRegistries(
  d: Pick<Deps, 'config' | 'registries'>,
  logins: Pick<Logins, 'registry'>,
  hide: (secret: string, username?: string) => void,
): JobRegistries {
  const opened = new Map<string, RegistryClient | null>()
  return {
    async client(asked, use) {
      const host = d.registries.canonicalHost(asked.host)
      const login = await logins.registry({ ...asked, host }, use)
      if (login) hide(login.password, login.username)
      const ours = d.config.registries.find(({ name }) => d.registries.canonicalHost(name) === host)
      const own = ours?.username && ours.password ? ours : null
      const isOwn = login ? login.username === own?.username && login.password === own.password : own === null
      const known = d.registries.byName(host)
      if (known && isOwn) return known
      const key = JSON.stringify([host, login?.username, login?.password])
      if (!opened.has(key)) opened.set(key, d.registries.as(host, login))
      return opened.get(key) ?? null
    },
    close() {
      for (const client of opened.values()) client?.close()
      opened.clear()
    },
  }
}
