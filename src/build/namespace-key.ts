import type { Deps } from '../deps.ts'
import { namespaceOf, type Reference } from '../oci/reference.ts'
import { namespaceKey } from '../people/namespace-key.ts'

/** The key of a tag's namespace: whose credentials its builds may use. */
export const namespaceKeyOf = (d: Pick<Deps, 'config'>, target: Pick<Reference, 'host' | 'repository'>): string =>
  namespaceKey(target.host, namespaceOf(target.repository), d.config.registries.length)
