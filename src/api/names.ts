import { z } from 'zod'
import type { Deps } from '../deps.ts'
import { parseReference, tagRef } from '../oci/reference.ts'
import { parseNamespaceKey } from '../people/namespace-key.ts'
import { ApiError } from './problem.ts'

/** REF in a path: URL-encoded, the registry's host optional where there is one, `:latest` where there is no tag. */
export const RefParams = z.object({ ref: z.string().min(1).max(700).describe('REF, e.g. `lib/base:1`') })
export const IdParams = z.object({ id: z.string().min(1).max(100) })
export const NamespaceParams = z.object({
  ns: z.string().min(1).max(300).describe('`_` = the global namespace; `host/name` with several registries'),
})

/** The canonical ref of a tag. */
export function refOf(d: Pick<Deps, 'config'>, text: string): string {
  const [only, ...more] = d.config.registries
  const hosts = d.config.registries.map((registry) => registry.name)
  const bare = hosts.some((host) => text.toLowerCase().startsWith(`${host}/`))
    ? text
    : more.length === 0 && only
      ? `${only.name}/${text}`
      : text
  const reference = parseReference(bare) ?? parseReference(text)
  if (!reference?.tag || reference.digest)
    throw new ApiError('bad-request', `${JSON.stringify(text)} is no reference of a tag`)
  return tagRef(reference.host, reference.repository, reference.tag)
}

/** The key of a namespace. */
export function namespaceOfPath(d: Pick<Deps, 'config'>, text: string): string {
  const key = parseNamespaceKey(
    text,
    d.config.registries.map((registry) => registry.name),
  )
  if (key === null) throw new ApiError('bad-request', `${JSON.stringify(text)} is no namespace here`)
  return key
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
  const repository = query.repository === undefined ? null : refOf(d, query.repository)
  return {
    host,
    namespace: name,
    repository: repository === null ? null : repository.slice(0, repository.lastIndexOf(':')),
  }
}
