import type { Digest } from '../oci/digest.ts'
import { type Manifest, parseManifest } from '../oci/manifest.ts'
import type { FoundManifest } from '../registry/manifests.ts'
import type { RegistryClient } from '../registry/registries.ts'
import type { Fault } from './observe.ts'

/** What a registry gave for a digest: the content, or why there is none to be had. Errors that may pass are thrown. */
export type Fetched<T> = { value: T; fault: null } | { value: null; fault: Fault }

const configLimit = 8 * 1024 * 1024
const statementLimit = 16 * 1024 * 1024

export const fetchConfig = (client: RegistryClient, repository: string, digest: Digest): Promise<Fetched<Uint8Array>> =>
  fetchBlob(client, repository, digest, configLimit)

export const fetchStatement = (
  client: RegistryClient,
  repository: string,
  digest: Digest,
): Promise<Fetched<Uint8Array>> => fetchBlob(client, repository, digest, statementLimit)

export async function fetchManifest(
  client: RegistryClient,
  repository: string,
  digest: Digest,
): Promise<Fetched<Manifest>> {
  const answer = await orFault(() => client.getManifest(repository, digest), 'not-found')
  return answer.fault === null ? readManifest(answer.value) : answer
}

export function readManifest({ bytes, mediaType }: Pick<FoundManifest, 'bytes' | 'mediaType'>): Fetched<Manifest> {
  const manifest = parseManifest(bytes, mediaType)
  return typeof manifest === 'string' ? { value: null, fault: manifest } : { value: manifest, fault: null }
}

const fetchBlob = (
  client: RegistryClient,
  repository: string,
  digest: Digest,
  limit: number,
): Promise<Fetched<Uint8Array>> =>
  orFault(() => client.getBlob(repository, digest, { maxBytes: limit }), 'blob-not-found')

/** Turns the answers that say something about the content into faults: 404, not what its digest says, too large. */
async function orFault<T>(ask: () => Promise<T | null>, absent: Fault): Promise<Fetched<T>> {
  try {
    const value = await ask()
    return value === null ? { value: null, fault: absent } : { value, fault: null }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : null
    if (code === 'digest-mismatch' || code === 'too-large') return { value: null, fault: code }
    throw error
  }
}
