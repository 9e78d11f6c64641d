import { namespaceOf, type Reference } from '../../oci/reference.ts'
import { BuildError } from '../build-error.ts'
import { notForUrl } from '../credentials.ts'
import type { Logins } from '../logins.ts'
import { isUnderPrefix } from '../url-prefix.ts'
import type { Grant, RegistryGrant } from './grant.ts'

type Repository = Pick<Reference, 'host' | 'repository'>

/** The logins of a build that came over the build service's API: what was sealed for it, where it said, and nothing else. */
export const sealedLogins = (opened: () => Promise<Grant>): Logins => ({
  async git(name, url) {
    const { git } = await opened()
    if (git?.name !== name) throw missing(name)
    if (!isUnderPrefix(url, git.urlPrefix)) throw notForUrl(name, url)
    const { kind, username, password, privateKey, knownHosts } = git
    return { kind, username, password, privateKey, knownHosts }
  },
  async secret(name) {
    const { secrets } = await opened()
    const secret = Object.hasOwn(secrets, name) ? secrets[name] : undefined
    if (secret === undefined) throw missing(name)
    return secret
  },
  async registry(repository, use) {
    const { registries } = await opened()
    const found = registries.find((grant) => fits(grant, repository, use))
    return found ? { host: repository.host, username: found.username, password: found.password } : null
  },
})

/** Whether a login may be used there. */
export function fits(grant: RegistryGrant, { host, repository }: Repository, use: 'pull' | 'push'): boolean {
  const { hosts, namespaces, urlPrefix } = grant
  if (!grant.use.includes(use)) return false
  if (hosts && !hosts.includes(host)) return false
  if (grant.repository !== undefined && grant.repository !== repository) return false
  if (namespaces && !namespaces.includes(namespaceOf(repository))) return false
  if (urlPrefix === undefined) return true
  return ['https', 'http'].some((way) => isUnderPrefix(`${way}://${host}/${repository}`, urlPrefix))
}

const missing = (name: string): BuildError =>
  new BuildError('credential-missing', `nothing was sealed for this build under the name ${name}`)
