import { keyOfRef, ownKeyOf } from '../access/key-of-ref.ts'
import type { Deps } from '../deps.ts'
import { namespaceOf, type Reference } from '../oci/reference.ts'
import { BuildError } from './build-error.ts'

type Needs = { config: Pick<Deps['config'], 'registries'> }
type Target = Pick<Reference, 'host' | 'repository'>

/** The key of a tag's namespace: whose credentials its builds may use. Throws BuildError (`registry-gone`) where its registry is not configured. */
export function namespaceKeyOf(d: Needs, target: Target): string {
  const key = ownKeyOf(d, target)
  if (key !== null) return key
  throw new BuildError('registry-gone', `no registry ${target.host} is configured here: nothing is built for it`, {
    retryable: true,
  })
}

/**
 * What a build shares machines, caches and its turn with: its namespace. Also of a build service's jobs, whose registries are configured elsewhere:
 * where none is here, the namespace's name.
 */
export const shareOf = (d: Needs, { host, repository }: Target): string =>
  d.config.registries.length === 0 ? namespaceOf(repository) : keyOfRef(d, `${host}/${repository}`)
