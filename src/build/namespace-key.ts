import type { Deps } from '../deps.ts'
import { namespaceOf, type Reference } from '../oci/reference.ts'

/** The key of a tag's namespace: its name, or "host/name" where several registries are configured (Namespace.key). */
export function namespaceKeyOf(d: Pick<Deps, 'config'>, target: Pick<Reference, 'host' | 'repository'>): string {
  const name = namespaceOf(target.repository)
  return d.config.registries.length > 1 ? `${target.host}/${name}` : name
}
