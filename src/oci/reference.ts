import { type Digest, isDigest } from './digest.ts'

/**
 * An image reference, fully resolved as a Docker client does: `debian` = `docker.io/library/debian:latest`.
 * `tag` is null only where a digest is given without a tag. Grammar: distribution/reference.
 */
export type Reference = { host: string; repository: string; tag: string | null; digest: Digest | null }

const component = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*'
const repositoryPattern = new RegExp(`^${component}(?:/${component})*$`)
const tagPattern = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/
const label = '[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?'
const hostPattern = new RegExp(`^(?:\\[[0-9a-fA-F:]+\\]|${label}(?:\\.${label})*)(?::\\d{1,5})?$`)
/** The id of a local image, which a client does not take for a name. */
const imageId = /^[0-9a-f]{64}$/
const dockerHubHosts = new Set(['docker.io', 'index.docker.io', 'registry-1.docker.io', 'registry.hub.docker.com'])

export const isRepository = (text: string): boolean => text.length <= 255 && repositoryPattern.test(text)
export const isTagName = (text: string): boolean => tagPattern.test(text)

/** The reference, or null where the text is none. `defaultHost` stands in where no host is written (default Docker Hub). */
export function parseReference(text: string, defaultHost = 'docker.io'): Reference | null {
  const [named = '', digest, ...more] = text.trim().split('@')
  if (more.length > 0 || (digest !== undefined && !isDigest(digest)) || imageId.test(named)) return null
  const slash = named.indexOf('/')
  const first = slash < 0 ? '' : named.slice(0, slash)
  const hosted = first !== '' && (/[.:]/.test(first) || first === 'localhost' || first !== first.toLowerCase())
  const host = hosted ? normaliseHost(first) : defaultHost
  const rest = hosted ? named.slice(slash + 1) : named
  const colon = rest.lastIndexOf(':')
  const tagged = colon > rest.lastIndexOf('/')
  const path = tagged ? rest.slice(0, colon) : rest
  const tag = tagged ? rest.slice(colon + 1) : digest ? null : 'latest'
  const repository = host === 'docker.io' && !path.includes('/') ? `library/${path}` : path
  if (!hostPattern.test(host) || !isRepository(repository) || (tag !== null && !isTagName(tag))) return null
  return { host, repository, tag, digest: digest === undefined ? null : (digest as Digest) }
}

/**
 * Lower case, and every name of Docker Hub as `docker.io`. A bare word is told from a repository by its capitals alone (`HUB/a`), and
 * so is written in capitals.
 */
export function normaliseHost(host: string): string {
  const lower = host.toLowerCase()
  if (dockerHubHosts.has(lower)) return 'docker.io'
  return host === lower || /[.:]/.test(lower) || lower === 'localhost' ? lower : host.toUpperCase()
}

/** True where the text can be the host of a reference as it stands: normalised, and told from a repository by a dot, a port or its name. */
export const isHost = (text: string): boolean => parseReference(`${text}/a:b`)?.host === text

/**
 * From the host in a reference to the name of the registry that is meant: `normaliseHost`, and what the configuration says of other
 * hosts of a registry. Given to whatever takes references from outside; parsing knows nothing of it.
 */
export type CanonicalHost = (host: string) => string

/** Registries under their names and aliases (all normalised). A host of none is itself. */
export function canonicalHosts(
  registries: readonly { name: string; aliases?: readonly string[] | undefined }[],
): CanonicalHost {
  const names = new Map(registries.flatMap(({ name, aliases = [] }) => aliases.map((alias) => [alias, name] as const)))
  return (host) => {
    const normal = normaliseHost(host)
    return names.get(normal) ?? normal
  }
}

/** A canonical reference (`host/…`) under the name of its registry. */
export function canonicalRef(canonical: CanonicalHost, ref: string): string {
  const slash = ref.indexOf('/')
  return `${canonical(ref.slice(0, slash))}${ref.slice(slash)}`
}

/** `host/repository:tag`, the form in which a tag is stored and shown (`Tag.ref`, `Declaration.name`). */
export const tagRef = (host: string, repository: string, tag: string): string => `${host}/${repository}:${tag}`

/**
 * `host/repository:tag` or `host/repository@digest`: how every message of ours names a content. With its host, since names are known by
 * that where they are withheld from those who may not read them (src/access/withhold.ts).
 */
export const contentName = ({ host, repository }: Pick<Reference, 'host' | 'repository'>, reference: string): string =>
  `${host}/${repository}${isDigest(reference) ? '@' : ':'}${reference}`

/** The reference as text: `host/repository[:tag][@digest]`. */
export const formatReference = (r: Reference): string =>
  `${r.host}/${r.repository}${r.tag === null ? '' : `:${r.tag}`}${r.digest === null ? '' : `@${r.digest}`}`

/** Portus' namespace: the text before the first `/`, `_` (global) where there is none. */
export const namespaceOf = (repository: string): string =>
  repository.includes('/') ? repository.slice(0, repository.indexOf('/')) : '_'
