import { namespaceKey } from '../people/namespace-key.ts'

/**
 * What a policy is of, as it is stored, checked and applied: a namespace's key (`name`, or `host/name` with several registries), or a
 * repository: `host/path`, and `host/_/name` of one without a path. So nothing is written both ways.
 */
export function repositoryScope(host: string, repository: string): string {
  return repository.includes('/') ? `${host}/${repository}` : `${host}/_/${repository}`
}

/** The host and repository of a repository's scope; null of a namespace's. */
export function scopedRepository(scope: string): { host: string; repository: string } | null {
  const [host = '', namespace = '', ...path] = scope.split('/')
  if (path.length === 0) return null
  return { host, repository: [...(namespace === '_' ? [] : [namespace]), ...path].join('/') }
}

/** The key of the namespace that a scope is of, or is in: whoever owns it decides there. `registries`: how many are configured. */
export function namespaceOfScope(scope: string, registries: number): string {
  const [host = '', namespace = ''] = scope.split('/')
  return scopedRepository(scope) === null ? scope : namespaceKey(host, namespace, registries)
}
