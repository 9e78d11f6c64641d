import { z } from 'zod'
import type { Principal } from '../access/principal.ts'
import { readableRef } from '../access/readable-by.ts'
import type { Deps } from '../deps.ts'
import {
  type CanonicalHost,
  canonicalHosts,
  canonicalRef,
  formatReference,
  isRepository,
  parseReference,
  tagRef,
} from '../oci/reference.ts'
import { isGone } from '../people/gone.ts'
import { parseNamespaceKey } from '../people/namespace-key.ts'
import { ApiError } from './problem.ts'

/** REF in a path: URL-encoded, the registry's host optional where there is one, `:latest` where there is no tag. */
export const RefParams = z.object({ ref: z.string().min(1).max(700).describe('REF, e.g. `lib/base:1`') })
export const IdParams = z.object({ id: z.string().min(1).max(100) })
export const NamespaceParams = z.object({
  ns: z.string().min(1).max(300).describe('`_` = the global namespace; `host/name` with several registries'),
})

/** The canonical ref of a tag of a configured registry. */
export function refOf(d: Pick<Deps, 'config'>, text: string): string {
  const ref = nameOf(d, text)
  const host = ref.slice(0, ref.indexOf('/'))
  if (!d.config.registries.some((registry) => registry.name === host))
    throw new ApiError('no-such-registry', `${ref} is on ${host}, which is not configured`)
  return ref
}

/**
 * The canonical ref of a tag that is known of a configured registry, or of one outside that is watched. What could be both is the
 * one that stands, the configured registry's first. Of names that may not be read nothing is known: `no-such-tag`.
 */
export async function knownRefOf(d: Pick<Deps, 'config' | 'sql'>, principal: Principal, text: string): Promise<string> {
  const [own, ...others] = namesOf(d, text)
  const [known] = await d.sql<{ ref: string }[]>`
    select ref from tag where ref = any(${[own, ...others]}) and ${readableRef(d, principal, d.sql`ref`)} order by head_digest is null, ref <> ${own} limit 1`
  if (known) return known.ref
  throw new ApiError('no-such-tag', `${refOf(d, text)} is not known, or was deleted`)
}

/** What a text may name, first as a tag of the only registry, then as a Docker client reads it. */
export function namesOf(d: Pick<Deps, 'config'>, text: string): [string, ...string[]] {
  const own = nameOf(d, text)
  const said = parseReference(text)
  return said?.tag ? [own, tagRef(canonicalIn(d)(said.host), said.repository, said.tag)] : [own]
}

/** The base that a recipe of `ref` names, as written, but under the name of its registry where it was written under another host of it. */
export function baseOf(d: Pick<Deps, 'config'>, ref: string, base: string): string {
  const reference = parseReference(base, ref.slice(0, ref.indexOf('/')))
  const host = reference && canonicalIn(d)(reference.host)
  return reference && host && host !== reference.host ? formatReference({ ...reference, host }) : base
}

const canonicalIn = ({ config }: Pick<Deps, 'config'>): CanonicalHost =>
  canonicalHosts([...config.registries, ...config.outside])

/**
 * The canonical ref of any tag, as a base may be named. With one registry, what does not begin with its host is a repository of it
 * (`docker.io/library/debian` may well be one), unless only a host can be written so (`other:5000/…`).
 */
export function nameOf(d: Pick<Deps, 'config'>, text: string): string {
  const hosts = d.config.registries.map((registry) => registry.name)
  const written = [...d.config.registries, ...d.config.outside].flatMap(({ name, aliases = [] }) => [name, ...aliases])
  const hosted = written.some((host) => text.toLowerCase().startsWith(`${host.toLowerCase()}/`))
  const own = !hosted && hosts.length === 1 ? parseReference(`${hosts[0]}/${text}`) : null
  const reference = text === text.trim() ? (own ?? parseReference(text)) : null
  if (!reference?.tag || reference.digest)
    throw new ApiError('bad-request', `${JSON.stringify(text)} is no reference of a tag`)
  return tagRef(canonicalIn(d)(reference.host), reference.repository, reference.tag)
}

/** The key of a namespace. */
export function namespaceOfPath(d: Pick<Deps, 'config'>, text: string): string {
  const key = parseNamespaceKey(
    text.includes('/') ? canonicalRef(canonicalIn(d), text) : text,
    d.config.registries.map((registry) => registry.name),
  )
  if (key === null) throw new ApiError('bad-request', `${JSON.stringify(text)} is no namespace here`)
  return key
}

/**
 * The same, or that of a registry that is configured no more, or of none (docs/design/namespaces.md): what is stored under it is for admins to see
 * and to remove, and for nobody to add to.
 */
export async function keyOfStored(d: Pick<Deps, 'config' | 'sql'>, text: string): Promise<string> {
  const [, name = '', ...path] = text.split('/')
  if (path.length === 0 && (name === '_' || isRepository(name))) {
    const key = canonicalRef(canonicalIn(d), text)
    const [row] = await d.sql<{ gone: boolean }[]>`select ${isGone(d.sql, d.sql`${key}::text`)} as gone`
    if (row?.gone) return key
  }
  return namespaceOfPath(d, text)
}

/** `?namespace=` and `?repository=` as conditions on registry, namespace and repository; nulls where not given. */
export function scopeOf(
  d: Pick<Deps, 'config'>,
  query: { namespace?: string | undefined; repository?: string | undefined },
) {
  const several = d.config.registries.length > 1
  const key = query.namespace === undefined ? null : namespaceOfPath(d, query.namespace)
  const [host, name] =
    key === null
      ? [null, null]
      : several
        ? [key.slice(0, key.indexOf('/')), key.slice(key.indexOf('/') + 1)]
        : [null, key]
  return {
    host,
    namespace: name,
    repository: query.repository === undefined ? null : repositoryOf(d, query.repository),
  }
}

function repositoryOf(d: Pick<Deps, 'config'>, text: string): string {
  const ref = nameOf(d, text)
  if (text.includes(':', text.lastIndexOf('/') + 1)) throw new ApiError('bad-request', `${text} is no repository`)
  return ref.slice(0, ref.lastIndexOf(':'))
}
