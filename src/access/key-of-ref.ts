import type { Config } from '../config.ts'
import { namespaceOf } from '../oci/reference.ts'
import { namespaceKey } from '../people/namespace-key.ts'
import type { Key } from './access.ts'

/** The key of the namespace of a canonical ref (`host/repository[:tag]`); null where its registry is not configured. */
export function keyOfRef({ config }: { config: Pick<Config, 'registries'> }, ref: string): Key {
  const slash = ref.indexOf('/')
  const host = ref.slice(0, slash)
  if (!config.registries.some(({ name }) => name === host)) return null
  return namespaceKey(host, namespaceOf(ref.slice(slash + 1)), config.registries.length)
}
