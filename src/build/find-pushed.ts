import type { Deps } from '../deps.ts'
import type { Digest } from '../oci/digest.ts'
import type { Reference } from '../oci/reference.ts'

/**
 * The digest a tag is at, if that is this content: the manifest whose config it is, or the manifest itself (a daemon whose ids are
 * manifest digests). Null where the tag is elsewhere or absent.
 */
export async function findPushed(
  d: Pick<Deps, 'registries'>,
  target: Pick<Reference, 'host' | 'repository'> & { tag: string },
  content: Digest,
  signal: AbortSignal,
): Promise<Digest | null> {
  const found = await d.registries.byName(target.host)?.getManifest(target.repository, target.tag, { signal })
  if (!found) return null
  return holdsContent(found, content) ? found.digest : null
}

/** True where a manifest is, or has as its config, this content. */
export function holdsContent(manifest: { digest: string; bytes: Uint8Array }, content: Digest): boolean {
  if (manifest.digest === content) return true
  const body = JSON.parse(Buffer.from(manifest.bytes).toString('utf8')) as { config?: { digest?: string } }
  return body.config?.digest === content
}
