import { type Digest, isDigest } from '../../oci/digest.ts'
import { answer, type Exchange, readBody } from './exchange.ts'
import { SpecError } from './spec-error.ts'
import { digestOf } from './store.ts'

const blobType = 'application/octet-stream'

/** A registry in memory takes no larger blobs, in bytes. */
const blobLimit = 1024 ** 3

/** `/v2/NAME/blobs/DIGEST`. https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-blobs */
export function blobRoute(exchange: Exchange): void {
  const { method, store, repository, reference } = exchange
  if (!isDigest(reference)) throw new SpecError('DIGEST_INVALID', 'not a digest', { digest: reference })
  const bytes = store.blob(repository, reference)
  if (!bytes) throw new SpecError('BLOB_UNKNOWN', 'blob unknown to registry', { digest: reference })
  if (method !== 'GET' && method !== 'HEAD') throw new SpecError('UNSUPPORTED', 'the operation is unsupported')
  answer(exchange, 200, { 'content-type': blobType, 'docker-content-digest': reference }, bytes)
}

/**
 * `/v2/NAME/blobs/uploads/[ID]`: in one piece, in chunks, or by mounting from another repository.
 * https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-blobs
 */
export async function uploadRoute(exchange: Exchange): Promise<void> {
  const { method, reference } = exchange
  if (reference === '') {
    if (method !== 'POST') throw new SpecError('UNSUPPORTED', 'the operation is unsupported')
    return start(exchange)
  }
  const upload = exchange.store.upload(exchange.repository, reference)
  if (!upload) throw new SpecError('BLOB_UPLOAD_UNKNOWN', 'blob upload unknown to registry')
  if (method === 'PATCH') {
    await append(exchange)
    return accepted(exchange, reference, 202)
  }
  if (method === 'PUT') {
    await append(exchange)
    return finish(exchange)
  }
  if (method === 'GET') return accepted(exchange, reference, 204)
  if (method !== 'DELETE') throw new SpecError('UNSUPPORTED', 'the operation is unsupported')
  exchange.store.endUpload(reference)
  answer(exchange, 204, {})
}

async function start(exchange: Exchange): Promise<void> {
  const { query, store, repository } = exchange
  const [mount, from] = [query.get('mount'), query.get('from')]
  const found = isDigest(mount) && from !== null ? store.blob(from, mount) : null
  if (isDigest(mount) && found) {
    store.addBlob(repository, mount, found)
    return created(exchange, mount)
  }
  const id = store.startUpload(repository)
  if (!query.has('digest')) return accepted(exchange, id, 202)
  const whole = { ...exchange, reference: id }
  await append(whole)
  finish(whole)
}

/** Adds the request's body to the upload. A chunk must begin where the last one ended. */
async function append({ request, store, repository, reference }: Exchange): Promise<void> {
  const upload = store.upload(repository, reference)!
  const start = /^(\d+)-\d+$/.exec(request.headers['content-range'] ?? '')?.[1]
  if (start !== undefined && Number(start) !== upload.size)
    throw new SpecError('RANGE_INVALID', 'invalid content range')
  const chunk = await readBody(
    request,
    blobLimit - upload.size,
    () => new SpecError('SIZE_INVALID', 'the blob is too large for this registry'),
  )
  upload.chunks.push(chunk)
  upload.size += chunk.length
}

function finish(exchange: Exchange): void {
  const { store, repository, reference, query } = exchange
  const digest = query.get('digest')
  if (!isDigest(digest)) throw new SpecError('DIGEST_INVALID', 'not a digest', { digest })
  const bytes = Buffer.concat(store.upload(repository, reference)!.chunks)
  store.endUpload(reference)
  if (digestOf(bytes, digest) !== digest)
    throw new SpecError('DIGEST_INVALID', 'provided digest did not match uploaded content', { digest })
  store.addBlob(repository, digest, bytes)
  const size = bytes.length
  exchange.announce('push', {
    mediaType: blobType,
    size,
    digest,
    length: size,
    repository,
    url: blobPath(repository, digest),
  })
  created(exchange, digest)
}

const blobPath = (repository: string, digest: Digest) => `/v2/${repository}/blobs/${digest}`

const created = (exchange: Exchange, digest: Digest) =>
  answer(exchange, 201, { location: blobPath(exchange.repository, digest), 'docker-content-digest': digest })

function accepted(exchange: Exchange, id: string, status: number): void {
  const { store, repository } = exchange
  const location = `/v2/${repository}/blobs/uploads/${id}`
  const end = Math.max(0, store.upload(repository, id)!.size - 1)
  answer(exchange, status, { location, range: `0-${end}`, 'docker-upload-uuid': id })
}
