import { type Digest, isDigest } from '../../oci/digest.ts'
import { bareMediaType } from '../../oci/media-type.ts'
import { isTagName } from '../../oci/reference.ts'
import { answer, type Exchange, readBody } from './exchange.ts'
import { type Reference, readReferences } from './read-references.ts'
import { subjectOf } from './referrers.ts'
import { SpecError } from './spec-error.ts'
import { digestOf, type StoredManifest } from './store.ts'

/** What Distribution takes at most, in bytes. */
const manifestLimit = 4 * 1024 * 1024

const manifestPath = (repository: string, digest: Digest) => `/v2/${repository}/manifests/${digest}`

/** `/v2/NAME/manifests/REFERENCE`, by tag or digest. */
export async function manifestRoute(exchange: Exchange): Promise<void> {
  const { method, reference } = exchange
  if (!isDigest(reference) && !isTagName(reference)) throw new SpecError('MANIFEST_INVALID', 'no tag and no digest')
  if (method === 'PUT') return put(exchange)
  if (method === 'DELETE') return remove(exchange)
  if (method !== 'GET' && method !== 'HEAD') throw new SpecError('UNSUPPORTED', 'the operation is unsupported')
  const { digest, mediaType, bytes } = find(exchange)
  if (!accepts(exchange.request.headers.accept, mediaType))
    throw new SpecError('MANIFEST_UNKNOWN', `the accept header does not support ${mediaType}`)
  answer(exchange, 200, { 'content-type': mediaType, 'docker-content-digest': digest, etag: `"${digest}"` }, bytes)
}

function find({ store, repository, reference }: Exchange): StoredManifest {
  const held = store.repositories.get(repository)
  if (!held) throw new SpecError('NAME_UNKNOWN', 'repository name not known to registry', { name: repository })
  const digest = isDigest(reference) ? reference : held.tags.get(reference)
  const manifest = digest && held.manifests.get(digest)
  if (!manifest) throw new SpecError('MANIFEST_UNKNOWN', 'manifest unknown', { reference })
  return manifest
}

/** A request without `Accept` takes everything. */
function accepts(header: string | undefined, mediaType: string): boolean {
  const wanted = (header ?? '*/*').split(',').map(bareMediaType)
  return ['*/*', 'application/*', mediaType].some((type) => wanted.includes(type))
}

async function put(exchange: Exchange): Promise<void> {
  const { request, store, repository, reference } = exchange
  const bytes = await readBody(
    request,
    manifestLimit,
    () => new SpecError('MANIFEST_INVALID', `a manifest has at most ${manifestLimit} bytes`),
  )
  const { mediaType, references } = readReferences(bytes, bareMediaType(request.headers['content-type'] ?? ''))
  const digest = digestOf(bytes, isDigest(reference) ? reference : undefined)
  if (isDigest(reference) && digest !== reference)
    throw new SpecError('DIGEST_INVALID', 'provided digest did not match uploaded content', { digest: reference })
  for (const needed of references) demand(exchange, needed)
  const held = store.open(repository)
  held.manifests.set(digest, { digest, mediaType, bytes })
  if (!isDigest(reference)) held.tags.set(reference, digest)
  const [size, url] = [bytes.length, manifestPath(repository, digest)]
  const tag = isDigest(reference) ? {} : { tag: reference }
  const listed = references.map(({ mediaType, size, digest }) => ({ mediaType, size, digest }))
  exchange.announce('push', { mediaType, size, digest, length: size, repository, url, ...tag, references: listed })
  const subject = exchange.referrers ? subjectOf({ bytes, mediaType }) : null
  const headers = { location: url, 'docker-content-digest': digest }
  answer(exchange, 201, subject === null ? headers : { ...headers, 'oci-subject': subject })
}

/** What a manifest points at must be in its repository; layers that are fetched from elsewhere (`urls`) need not. */
function demand({ store, repository }: Exchange, { digest, kind, foreign }: Reference): void {
  const there =
    kind === 'blob'
      ? foreign || store.blob(repository, digest) !== null
      : (store.repositories.get(repository)?.manifests.has(digest) ?? false)
  if (!there) throw new SpecError('MANIFEST_BLOB_UNKNOWN', 'blob unknown to registry', { digest })
}

/** By digest: the manifest and every tag on it, told as Distribution 2.8 does. By tag: that tag alone, as 3.1 tells it. */
function remove(exchange: Exchange): void {
  const { store, repository, reference, announce } = exchange
  const { digest } = find(exchange)
  const held = store.repositories.get(repository)!
  if (isDigest(reference)) {
    const tags = [...held.tags].filter(([, at]) => at === digest).map(([tag]) => tag)
    for (const tag of tags) held.tags.delete(tag)
    held.manifests.delete(digest)
    announce('delete', { digest, repository })
    for (const tag of tags) announce('delete', { repository, tag })
  } else {
    held.tags.delete(reference)
    announce('delete', { mediaType: '', digest: '', size: 0, repository, tag: reference })
  }
  answer(exchange, 202, {})
}
