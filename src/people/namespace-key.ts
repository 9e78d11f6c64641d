import { isRepository, normaliseHost } from '../oci/reference.ts'

/** The key of a namespace (Namespace.key): its name, `_` for the global one; with several registries "host/name". */
export const namespaceKey = (registryName: string, namespace: string, registriesCount: number): string =>
  registriesCount > 1 ? `${registryName}/${namespace}` : namespace

/**
 * A namespace as somebody writes it, as its key; null where it is none. With one registry its host may stand in front and is
 * dropped; with several it must be there. `registries`: the configured names.
 */
export function parseNamespaceKey(text: string, registries: readonly string[]): string | null {
  const slash = text.indexOf('/')
  const host = slash < 0 ? null : normaliseHost(text.slice(0, slash))
  const name = text.slice(slash + 1)
  if (host === null ? registries.length > 1 : !registries.includes(host)) return null
  if (name !== '_' && (name.includes('/') || !isRepository(name))) return null
  return namespaceKey(host ?? '', name, registries.length)
}
