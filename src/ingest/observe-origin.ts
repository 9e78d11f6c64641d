import type { EvidenceKind } from '../lineage/world.ts'
import { type BuildOrigin, nothingAsked, withoutPassword } from '../oci/build-origin.ts'
import type { Digest } from '../oci/digest.ts'

/** An `origin` row: where `subject` was built from, as `source` (a digest) says. */
export type ObservedOrigin = BuildOrigin & { subject: string; evidence: EvidenceKind; source: string }

const keysOf = {
  url: 'org.opencontainers.image.source',
  revision: 'org.opencontainers.image.revision',
} as const

/** What annotations or labels say of the source. https://github.com/opencontainers/image-spec/blob/main/annotations.md */
export function originByKeys(
  evidence: 'annotation' | 'label',
  subject: Digest,
  source: Digest,
  keys: Record<string, string>,
): ObservedOrigin[] {
  const url = keys[keysOf.url]?.trim() ?? ''
  const revision = keys[keysOf.revision]?.trim() || null
  if (url === '' || url.length > 2000) return []
  return [
    {
      ...{ subject, evidence, source, url: withoutPassword(url), revision },
      ...{ dockerfile: null, context: null, request: nothingAsked },
    },
  ]
}
