import type { Deps } from '../deps.ts'
import { repositoryScope } from '../policy/policy-scope.ts'
import { namespaceOfPath, refOf } from './names.ts'
import { ApiError } from './problem.ts'

/** `host/_/name`, as the scope of a repository without a path is stored; with one registry the host may be left out. */
const alone = /^(?:(.+)\/)?_\/([^/]+)$/

/**
 * The canonical scope of a policy (policy-scope.ts): a namespace's key, or a repository. With one registry, what holds a "/" is a
 * repository, the host may be left out, and a namespace is one word. With several both begin with a host (or an alias of it), and
 * `host/name` is the namespace of that name.
 */
export function policyScope(d: Pick<Deps, 'config'>, text: string): string {
  const several = d.config.registries.length > 1
  if (!text.includes('/') || (several && text.endsWith('/_'))) return namespaceOfPath(d, text)
  const [, host = several ? '' : (d.config.registries[0]?.name ?? ''), name] = alone.exec(text) ?? []
  const ref = refOf(d, name === undefined ? text : `${host}/${name}`)
  if (text.includes(':', text.lastIndexOf('/') + 1))
    throw new ApiError('bad-request', `${JSON.stringify(text)} names a tag: a policy is of a namespace or a repository`)
  const slash = ref.indexOf('/')
  const repository = ref.slice(slash + 1, ref.lastIndexOf(':'))
  if (name !== undefined && repository.includes('/'))
    throw new ApiError('bad-request', `${JSON.stringify(text)} is no repository without a path`)
  if (several && name === undefined && !repository.includes('/')) return `${ref.slice(0, slash)}/${repository}`
  return repositoryScope(ref.slice(0, slash), repository)
}
