import type { Deps } from '../deps.ts'
import { isRepository, normaliseHost } from '../oci/reference.ts'
import { namespaceOfPath } from './names.ts'
import { ApiError } from './problem.ts'

/**
 * The canonical scope of a policy: a namespace's key, or `host/repository`. With one registry, what holds a "/" is a repository, the
 * host may be left out, and a namespace is one word. With several both begin with a host, and `host/name` is the namespace and the
 * repository of that name.
 */
export function policyScope(d: Pick<Deps, 'config'>, text: string): string {
  const hosts = d.config.registries.map(({ name }) => name)
  const slash = text.indexOf('/')
  if (slash < 0) return namespaceOfPath(d, text)
  const first = normaliseHost(text.slice(0, slash))
  const host = hosts.includes(first) ? first : hosts.length === 1 ? hosts[0] : undefined
  const rest = hosts.includes(first) ? text.slice(slash + 1) : text
  if (host === undefined)
    throw new ApiError(
      'bad-request',
      `${JSON.stringify(text)} does not begin with a configured registry: ${hosts.join(', ')}`,
    )
  if (!isRepository(rest) && !(hosts.length > 1 && rest === '_'))
    throw new ApiError('bad-request', `${JSON.stringify(text)} is neither a namespace nor a repository here`)
  return `${host}/${rest}`
}
