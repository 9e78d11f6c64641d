import { type Digest, isDigest } from '../../oci/digest.ts'
import { parseManifest } from '../../oci/manifest.ts'
import { mediaTypes } from '../../oci/media-type.ts'
import { answer, type Exchange } from './exchange.ts'
import { SpecError } from './spec-error.ts'
import type { StoredManifest } from './store.ts'

/** Descriptors on a page. */
const pageLength = 50

/**
 * `/v2/NAME/referrers/DIGEST`: the manifests of the repository whose `subject` it is, by digest, page after page.
 * https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-referrers
 */
export function referrersRoute(exchange: Exchange): void {
  const { method, store, repository, reference, query } = exchange
  if (method !== 'GET') throw new SpecError('UNSUPPORTED', 'the operation is unsupported')
  if (!isDigest(reference)) throw new SpecError('DIGEST_INVALID', 'no digest', { digest: reference })
  const wanted = query.get('artifactType')
  const last = query.get('last') ?? ''
  const all = [...(store.repositories.get(repository)?.manifests.values() ?? [])]
    .flatMap((manifest) => descriptorOf(manifest, reference))
    .filter(({ digest, artifactType }) => digest > last && (wanted === null || artifactType === wanted))
    .sort((a, b) => (a.digest < b.digest ? -1 : 1))
  const manifests = all.slice(0, pageLength)
  const next = new URLSearchParams({
    ...(wanted === null ? {} : { artifactType: wanted }),
    last: manifests.at(-1)?.digest ?? '',
  })
  const headers = {
    'content-type': mediaTypes.ociIndex,
    ...(wanted === null ? {} : { 'oci-filters-applied': 'artifactType' }),
    ...(all.length > pageLength ? { link: `</v2/${repository}/referrers/${reference}?${next}>; rel="next"` } : {}),
  }
  answer(exchange, 200, headers, JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests }))
}

/** The `subject` of a manifest's bytes, null where it has none. */
export function subjectOf({ bytes, mediaType }: Pick<StoredManifest, 'bytes' | 'mediaType'>): Digest | null {
  const manifest = parseManifest(bytes, mediaType)
  return typeof manifest === 'string' ? null : manifest.subject
}

function descriptorOf({ digest, mediaType, bytes }: StoredManifest, subject: Digest) {
  const manifest = parseManifest(bytes, mediaType)
  if (typeof manifest === 'string' || manifest.subject !== subject) return []
  const { artifactType, annotations } = manifest
  return [{ mediaType, digest, size: bytes.length, ...(artifactType === null ? {} : { artifactType }), annotations }]
}
