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

/**
 * The key of a namespace once there are other registries than at the last start; null where it stays as it is. From one registry to several
 * it gets that one's name; from several to one those of the one that is left lose it. What was of several, or of none, stays: of which it
 * is cannot be told. `before`, `now`: the names of the registries that send events.
 */
export function movedKey(key: string, before: readonly string[], now: readonly string[]): string | null {
  const [first] = before
  const [left] = now
  if (before.length === 1 && now.length > 1) return key.includes('/') ? null : `${first}/${key}`
  if (before.length <= 1 || now.length !== 1 || !key.startsWith(`${left}/`)) return null
  const name = key.slice(`${left}/`.length)
  return name.includes('/') ? null : name
}
