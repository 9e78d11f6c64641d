import type { Deps } from '../deps.ts'
import type { Reference } from '../oci/reference.ts'
import { registryCredentialFor } from './credentials.ts'

export type RegistryLogin = { host: string; username: string; password: string }

/**
 * How a build logs in to pull or push one repository: as Drydock itself at a configured registry, else with the registry credential
 * of the tag's namespace whose prefix covers that repository. Null = as anybody.
 */
export async function registryLogin(
  d: Pick<Deps, 'config' | 'db' | 'vault'>,
  namespaceKey: string,
  repository: Pick<Reference, 'host' | 'repository'>,
): Promise<RegistryLogin | null> {
  const { host } = repository
  const configured = d.config.registries.find((registry) => registry.name === host)
  if (configured?.username && configured.password) {
    return { host, username: configured.username, password: configured.password }
  }
  const stored = await registryCredentialFor(d, namespaceKey, host, repository.repository)
  return stored?.password ? { host, username: stored.username ?? '', password: stored.password } : null
}
