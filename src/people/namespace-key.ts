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

/** The registries of a start. `canonical`: the registry that a host names; it may be called otherwise than before (registries-known.ts). */
export type Hosts = { names: readonly string[]; canonical?: (host: string) => string }

/** In place of the host of a key of which it cannot be told whose it is: no host begins so, and nothing is ever read under it. */
export const unplaced = '?'

/** `n`: the first that is free is taken. */
export const unplacedKey = (namespace: string, n = 1): string => `${unplaced}${n > 1 ? n : ''}/${namespace}`

/**
 * The key of a namespace once there are other registries than at the last start that had any; null where it stays as it is. Where there was one,
 * a key is of that one; where there is one now, only its own keys are without a host. All others begin with theirs, also of one that is configured no
 * more: that it is nobody's then, and its again when it is back. A key without a host is nobody's where there were several; where there were none
 * ever, it is that of the only one that there is now. To be called where there are any now.
 */
export function movedKey(key: string, before: readonly string[], now: Hosts): string | null {
  const [first = '', second, ...path] = key.split('/')
  if (path.length > 0) return null // a repository's, as policies are
  if (second === undefined && before.length === 0 && now.names.length === 1) return null
  if (second === undefined && before.length !== 1) return unplacedKey(first)
  const moved = second === undefined ? keyOn(before[0]!, first, now) : keyOn(first, second, now)
  return moved === key ? null : moved
}

/** The key of a namespace of this host, with these registries. */
export function keyOn(host: string, namespace: string, { names, canonical = (same) => same }: Hosts): string {
  const known = names.includes(host) ? host : canonical(host)
  if (!names.includes(known)) return `${host}/${namespace}`
  return namespaceKey(known, namespace, names.length)
}
