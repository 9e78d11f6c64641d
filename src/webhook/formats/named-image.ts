import { type Digest, isDigest } from '../../oci/digest.ts'
import { normaliseHost } from '../../oci/reference.ts'

/** An image as some vendors write it: with its host, and perhaps a tag, a digest, or the colon of a tag that is not there. */
export type NamedImage = { host: string; repository: string; tag: string | null; digest: Digest | null }

/** Null where the text has no host and path. The path is in lower case, as registries have it; nothing else is checked. */
export function namedImage(text: string | null | undefined): NamedImage | null {
  const found = /^(?:https?:\/\/)?([^/@\s]+)\/([^:@\s]+?)\/?(?::([^:@\s]*))?(?:@(\S+))?$/.exec(text ?? '')
  if (!found || found[0].length > 2000) return null
  const [, host, repository, tag, digest] = found
  return {
    host: normaliseHost(host!),
    repository: repository!.toLowerCase(),
    tag: tag || null,
    digest: isDigest(digest) ? digest : null,
  }
}
