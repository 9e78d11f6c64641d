import { type Digest, isDigest, parseDigest } from '../oci/digest.ts'
import { parseJson } from '../oci/manifest.ts'
import { bareMediaType, manifestAccept } from '../oci/media-type.ts'
import { isTagName } from '../oci/reference.ts'
import { checkAbsence, isForeign } from './absence.ts'
import { type AskRegistry, errorOf, repositoryPath } from './ask-registry.ts'
import { checkDigest, digestedBytes, digestOf } from './check-digest.ts'
import { type Answer, place } from './exchange.ts'
import { RegistryError } from './registry-error.ts'

/** What stands under a tag or digest. `date`: the answer's time by the registry's clock, null where it says none. */
export type ManifestHead = { digest: Digest; mediaType: string; date: Date | null }
export type FoundManifest = ManifestHead & { bytes: Buffer }

/** Bytes of a manifest at most, as Distribution has it. */
const manifestLimit = 4 * 1024 * 1024

type Options = { signal?: AbortSignal; maxBytes?: number }

const manifestPath = (repository: string, reference: string): string => {
  if (!isDigest(reference) && !isTagName(reference))
    throw new TypeError(`${JSON.stringify(reference)} is no tag or digest`)
  return `${repositoryPath(repository)}/manifests/${reference}`
}

/** The manifest, its bytes checked against its digest; null where the registry has none. */
export async function getManifest(
  registry: AskRegistry,
  repository: string,
  reference: string,
  { signal, maxBytes = manifestLimit }: Options = {},
): Promise<FoundManifest | null> {
  const answer = await registry.ask(
    {
      method: 'GET',
      path: manifestPath(repository, reference),
      scopes: [`repository:${repository}:pull`],
      headers: { accept: manifestAccept },
      maxBytes,
    },
    signal,
  )
  if (answer.status === 404) {
    checkAbsence(answer)
    return null
  }
  if (answer.status !== 200) throw errorOf('GET', answer)
  const { bytes } = answer
  const head = headOf(answer)
  const mediaType = head.mediaType || mediaTypeWithin(bytes)
  if (mediaType === 'text/html')
    throw new RegistryError('bad-response', `${place(answer.url)}: a web page, no manifest`)
  if (!isDigest(reference) && !isManifest(bytes))
    throw new RegistryError('bad-response', `${place(answer.url)}: no manifest, though the answer is 200`)
  const digested = digestedBytes(bytes, mediaType)
  const digest = parseDigest(reference) ?? head.digest ?? digestOf(digested)
  checkDigest(digested, digest, place(answer.url))
  return { digest, mediaType, bytes, date: head.date }
}

/**
 * What stands under a tag or digest, without its bytes where the registry tells so much; null where it has none. A registry that
 * does not know HEAD, or answers it without digest or media type, is asked for the whole.
 */
export async function headManifest(
  registry: AskRegistry,
  repository: string,
  reference: string,
  options: Options = {},
): Promise<ManifestHead | null> {
  const answer = await registry.ask(
    {
      method: 'HEAD',
      path: manifestPath(repository, reference),
      scopes: [`repository:${repository}:pull`],
      headers: { accept: manifestAccept },
    },
    options.signal,
  )
  if (answer.status === 404 && !isForeign(answer)) return null
  if (![200, 404, 405].includes(answer.status)) throw errorOf('HEAD', answer)
  const { digest, mediaType, date } = headOf(answer)
  const told = answer.status === 200 && digest !== null && mediaType !== ''
  if (told && (!isDigest(reference) || reference === digest)) return { digest, mediaType, date }
  const whole = await getManifest(registry, repository, reference, options)
  return whole && { digest: whole.digest, mediaType: whole.mediaType, date: whole.date }
}

/** Stores a manifest under a tag or its digest, and gives its digest. What it points at must be there before. */
export async function putManifest(
  registry: AskRegistry,
  repository: string,
  reference: string,
  manifest: { bytes: Uint8Array; mediaType: string },
  { signal }: Options = {},
): Promise<Digest> {
  const { bytes, mediaType } = manifest
  if (isDigest(reference)) checkDigest(bytes, reference, `a manifest to push to ${registry.url.host}/${repository}`)
  const answer = await registry.ask(
    {
      method: 'PUT',
      path: manifestPath(repository, reference),
      scopes: [`repository:${repository}:pull,push`],
      headers: { 'content-type': mediaType },
      body: bytes,
    },
    signal,
  )
  if (answer.status < 200 || answer.status > 299) throw errorOf('PUT', answer)
  const stored = headOf(answer).digest
  if (stored !== null) checkDigest(bytes, stored, `${place(answer.url)} as stored`)
  return stored ?? digestOf(bytes, isDigest(reference) ? reference : undefined)
}

/**
 * Removes a tag, and nothing but the tag. False where the registry will not, or has none; many cannot.
 * https://github.com/opencontainers/distribution-spec/blob/main/spec.md#deleting-tags
 */
export async function deleteTag(
  registry: AskRegistry,
  repository: string,
  tag: string,
  { signal }: Options = {},
): Promise<boolean> {
  if (!isTagName(tag)) throw new TypeError(`${JSON.stringify(tag)} is no tag`)
  const path = manifestPath(repository, tag)
  const answer = await registry.once({ method: 'DELETE', path, scopes: [`repository:${repository}:delete`] }, signal)
  return answer.status >= 200 && answer.status <= 299
}

function headOf({ headers }: Answer): { digest: Digest | null; mediaType: string; date: Date | null } {
  const at = Date.parse(headers.date ?? '')
  return {
    digest: parseDigest(headers['docker-content-digest']?.trim()),
    mediaType: bareMediaType(headers['content-type'] ?? ''),
    date: Number.isNaN(at) ? null : new Date(at),
  }
}

/** Under a digest the bytes prove themselves; under a tag anything could come, and would be taken for a move. */
const isManifest = (bytes: Buffer): boolean => {
  const body = parseJson(bytes) as { schemaVersion?: unknown } | null | undefined
  return typeof body?.schemaVersion === 'number'
}

/** What a manifest says of itself, for a registry that sends no Content-Type; '' where it says nothing. */
function mediaTypeWithin(bytes: Buffer): string {
  const body = parseJson(bytes) as { mediaType?: unknown } | null | undefined
  return typeof body?.mediaType === 'string' ? bareMediaType(body.mediaType) : ''
}
