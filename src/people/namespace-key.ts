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

/** The registries of a start. `canonical`: the registry that a host names; it may be called otherwise than before (an alias). */
export type Hosts = { names: readonly string[]; canonical?: (host: string) => string }

/**
 * The key of a namespace once there are other registries than at the last start; null where it stays as it is. Where there was one, a key is of that
 * one; where there is one now, only its own keys are without a host. All others begin with theirs, also of one that is configured no more: that it
 * is nobody's then, and its again when it is back. A key without a host that was of several, or of none, stays: of which it is cannot be told.
 */
export function movedKey(key: string, before: readonly string[], now: Hosts): string | null {
  const [first = '', second, ...path] = key.split('/')
  if (path.length > 0) return null // a repository's, as policies are
  const host = second === undefined ? (before.length === 1 ? before[0]! : null) : first
  if (host === null) return null
  const moved = keyOn(host, second ?? first, now)
  return moved === key ? null : moved
}

/** The key of a namespace of this host, with these registries. */
export function keyOn(host: string, namespace: string, { names, canonical = (same) => same }: Hosts): string {
  const known = names.includes(host) ? host : canonical(host)
  if (!names.includes(known)) return `${host}/${namespace}`
  return namespaceKey(known, namespace, names.length)
}
