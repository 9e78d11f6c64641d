import type { Digest } from '../oci/digest.ts'
import { checkAbsence } from './absence.ts'
import { type AskRegistry, errorOf, repositoryPath } from './ask-registry.ts'
import { checkDigest, checkedStream } from './check-digest.ts'
import { type Answer, place } from './exchange.ts'
import { resolveLocation } from './follow.ts'
import { RegistryError } from './registry-error.ts'
import type { ByteSource } from './transfer.ts'

type Options = { signal?: AbortSignal }

const blobPath = (repository: string, digest: Digest) => `${repositoryPath(repository)}/blobs/${digest}`
const pull = (repository: string) => `repository:${repository}:pull`
const push = (repository: string) => `repository:${repository}:pull,push`

/** A blob of at most `maxBytes` bytes, checked against its digest; null where the repository has none. */
export async function getBlob(
  registry: AskRegistry,
  repository: string,
  digest: Digest,
  { maxBytes, signal }: Options & { maxBytes: number },
): Promise<Buffer | null> {
  const question = { method: 'GET', path: blobPath(repository, digest), scopes: [pull(repository)], maxBytes } as const
  const answer = await registry.ask(question, signal)
  if (answer.status === 404) {
    checkAbsence(answer)
    return null
  }
  if (answer.status !== 200) throw errorOf('GET', answer)
  checkDigest(answer.bytes, digest, place(answer.url))
  return answer.bytes
}

/**
 * The same in pieces, of a blob that has `size` bytes; its last piece comes only once all were found to be what the digest says. Asked for
 * once: whoever sends it on begins anew with both. Error, also of a piece: those of the client.
 */
export async function openBlob(
  registry: AskRegistry,
  repository: string,
  digest: Digest,
  { size, signal }: Options & { size: number },
): Promise<AsyncIterable<Buffer> | null> {
  const path = blobPath(repository, digest)
  const question = { method: 'GET', path, scopes: [pull(repository)], maxBytes: size, streamed: true } as const
  const answer = await registry.once(question, signal)
  if (answer.status === 404) {
    checkAbsence(answer)
    return null
  }
  if (answer.status !== 200 || !answer.stream) throw errorOf('GET', answer)
  return checkedStream(answer.stream, digest, size, place(answer.url))
}

export async function hasBlob(
  registry: AskRegistry,
  repository: string,
  digest: Digest,
  { signal }: Options = {},
): Promise<boolean> {
  const question = { method: 'HEAD', path: blobPath(repository, digest), scopes: [pull(repository)] } as const
  const answer = await registry.ask(question, signal)
  if (answer.status !== 200 && answer.status !== 404) throw errorOf('HEAD', answer)
  return answer.status === 200
}

/**
 * Puts a blob into a repository, in one piece; what is no bytes but their source is sent on as it comes, and checked by it. A try that
 * fails half way begins anew with an upload of its own, and the source with it.
 * https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-a-blob-monolithically
 */
export async function uploadBlob(
  registry: AskRegistry,
  repository: string,
  digest: Digest,
  bytes: Uint8Array | ByteSource,
  { signal }: Options = {},
): Promise<void> {
  if (bytes instanceof Uint8Array) checkDigest(bytes, digest, `a blob to push to ${registry.url.host}/${repository}`)
  const scopes = [push(repository)]
  await registry.repeat(async () => {
    const path = `${repositoryPath(repository)}/blobs/uploads/`
    const started = await registry.once({ method: 'POST', path, scopes }, signal)
    if (started.status !== 202) throw errorOf('POST', started)
    const upload = uploadAt(registry, started)
    upload.searchParams.set('digest', digest)
    const headers = { 'content-type': 'application/octet-stream' }
    const done = await registry.once({ method: 'PUT', path: upload, scopes, headers, body: bytes }, signal)
    if (done.status < 200 || done.status > 299) throw errorOf('PUT', done)
  }, signal)
}

/**
 * Makes a blob of one repository one of another's in the same registry, without moving bytes. False where the registry will not: it
 * has no such blob there, does not let us read it, or cannot mount.
 * https://github.com/opencontainers/distribution-spec/blob/main/spec.md#mounting-a-blob-from-another-repository
 */
export async function mountBlob(
  registry: AskRegistry,
  repository: string,
  digest: Digest,
  from: string,
  { signal }: Options = {},
): Promise<boolean> {
  const query = new URLSearchParams({ mount: digest, from: repositoryPath(from) })
  const path = `${repositoryPath(repository)}/blobs/uploads/?${query}`
  const scopes = [push(repository), pull(from)]
  try {
    const answer = await registry.ask({ method: 'POST', path, scopes }, signal)
    if (answer.status === 202) await cancelUpload(registry, answer, scopes, signal)
    return answer.status === 201
  } catch (error) {
    if (error instanceof RegistryError && error.code === 'unauthorized') return false
    throw error
  }
}

/** A mount that is refused has begun an upload. A registry forgets it in time, so that it may fail to be told. */
async function cancelUpload(
  registry: AskRegistry,
  started: Answer,
  scopes: readonly string[],
  signal: AbortSignal | undefined,
): Promise<void> {
  try {
    await registry.once({ method: 'DELETE', path: uploadAt(registry, started), scopes }, signal)
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error
  }
}

function uploadAt(registry: AskRegistry, started: Answer): URL {
  const { location } = started.headers
  if (location === undefined)
    throw new RegistryError('bad-response', `${place(started.url)}: an upload without Location`)
  return resolveLocation(location, started.url, registry.plain)
}
