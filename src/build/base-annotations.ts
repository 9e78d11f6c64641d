import type { Digest } from '../oci/digest.ts'
import { formatReference, type Reference } from '../oci/reference.ts'

/**
 * What a manifest says of where it came from. Annotations and never labels: children inherit labels.
 * https://github.com/opencontainers/image-spec/blob/main/annotations.md#pre-defined-annotation-keys
 */
const oci = 'org.opencontainers.image'

/**
 * The base its last stage begins with; none `FROM scratch`. A FROM that names a digest keeps it in the name, which is how a reader tells
 * that it is pinned.
 */
export const baseAnnotations = (base: { reference: Reference; digest: Digest } | null): Record<string, string> =>
  base === null ? {} : { [`${oci}.base.name`]: formatReference(base.reference), [`${oci}.base.digest`]: base.digest }

/** The repository and commit it was built from; nothing of the address but protocol, host and path. */
export function sourceAnnotations(gitUrl: string, commit: string): Record<string, string> {
  const url = URL.parse(gitUrl)
  const source = url ? addressOf(url) : bareScp(gitUrl)
  return { ...(source === null ? {} : { [`${oci}.source`]: source }), [`${oci}.revision`]: commit }
}

/** Null for a path of this machine. */
const addressOf = (url: URL): string | null => (url.host === '' ? null : `${url.protocol}//${url.host}${url.pathname}`)

/** `git@host:path` without the user. */
const bareScp = (text: string): string | null => /^(?:[^@/:\s]+@)?([^@/:\s]+:[^\s]+)$/.exec(text)?.[1] ?? null
