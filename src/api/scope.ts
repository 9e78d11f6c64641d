import type { Deps } from '../deps.ts'
import { namespaceOfPath, refOf } from './names.ts'
import { ApiError } from './problem.ts'

/**
 * The canonical scope of a policy: a namespace's key, or `host/repository`. With one registry, what holds a "/" is a repository, the
 * host may be left out, and a namespace is one word. With several both begin with a host (or an alias of it), and `host/name` is the
 * namespace and the repository of that name.
 */
export function policyScope(d: Pick<Deps, 'config'>, text: string): string {
  if (!text.includes('/') || (d.config.registries.length > 1 && text.endsWith('/_'))) return namespaceOfPath(d, text)
  const ref = refOf(d, text)
  if (text.includes(':', text.lastIndexOf('/') + 1))
    throw new ApiError('bad-request', `${JSON.stringify(text)} names a tag: a policy is of a namespace or a repository`)
  return ref.slice(0, ref.lastIndexOf(':'))
}
