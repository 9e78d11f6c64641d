/*
 * In: names and digests of one registry. Out: what it has under them, byte for byte; null where it has nothing (404, and only 404).
 * Guarantees: bytes are what their digest says; nothing is read beyond its limit; every failure is a RegistryError with a code, or
 * the reason of the caller's signal; what may pass was tried again; passwords and tokens go to the registry and its token service alone.
 */
import type { LookupFunction } from 'node:net'
import type { Digest } from '../oci/digest.ts'
import { makeAskRegistry } from './ask-registry.ts'
import { type Credentials, makeAuthorizer } from './authorize.ts'
import { getBlob, hasBlob, mountBlob, openBlob, uploadBlob } from './blobs.ts'
import { type Exchange, makeExchange, type TimeOuts } from './exchange.ts'
import { listRepositories, listTags } from './listings.ts'
import {
  deleteTag,
  type FoundManifest,
  getManifest,
  headManifest,
  type ManifestHead,
  putManifest,
} from './manifests.ts'
import { type ListReferrers, makeListReferrers } from './referrers.ts'
import type { OnRetry, RetryPolicy } from './retry.ts'
import type { ByteSource } from './transfer.ts'

type Signal = { signal?: AbortSignal }

/** One registry. https://github.com/opencontainers/distribution-spec/blob/main/spec.md */
export type RegistryClient = {
  /** `maxBytes`: default 4 MiB */
  getManifest: (
    repository: string,
    reference: string,
    options?: Signal & { maxBytes?: number },
  ) => Promise<FoundManifest | null>
  headManifest: (repository: string, reference: string, options?: Signal) => Promise<ManifestHead | null>
  putManifest: (
    repository: string,
    reference: string,
    manifest: { bytes: Uint8Array; mediaType: string },
    options?: Signal,
  ) => Promise<Digest>
  /** false where the registry cannot, or has no such tag; what stood there stays under its digest */
  deleteTag: (repository: string, tag: string, options?: Signal) => Promise<boolean>
  getBlob: (repository: string, digest: Digest, options: Signal & { maxBytes: number }) => Promise<Buffer | null>
  /** in pieces, asked for once; the last piece comes when all were found right */
  openBlob: (
    repository: string,
    digest: Digest,
    options: Signal & { size: number },
  ) => Promise<AsyncIterable<Buffer> | null>
  hasBlob: (repository: string, digest: Digest, options?: Signal) => Promise<boolean>
  /** a source is opened anew for each try, and has to check what it gives */
  uploadBlob: (repository: string, digest: Digest, bytes: Uint8Array | ByteSource, options?: Signal) => Promise<void>
  mountBlob: (repository: string, digest: Digest, from: string, options?: Signal) => Promise<boolean>
  listTags: (repository: string, options?: Signal) => AsyncGenerator<string>
  listRepositories: (options?: Signal) => AsyncGenerator<string>
  /** null where the registry cannot tell; that is found out once */
  listReferrers: ListReferrers
  /** Ends its connections; what is asked afterwards is `unreachable`. */
  close: () => void
}

export type ClientOptions = {
  /** where it is reached: `https://registry.example.org`, without `/v2/` */
  url: URL
  credentials?: Credentials | null
  /** certificates to trust, PEM: a private authority's, and the usual ones beside it */
  ca?: { own: string; usual: readonly string[] } | null
  /** takes plain http and any certificate; of loopback plain http is always taken */
  insecure?: boolean
  /** requests under way at once */
  width?: number
  timeOuts?: TimeOuts
  policy?: RetryPolicy
  onRetry?: OnRetry
  /** of every request, whoever it goes to: the addresses of names, and what is to be done around it */
  lookup?: LookupFunction
  around?: (send: Exchange['send']) => Exchange['send']
}

/** A catalog on a slow disk takes its time; a connection that says nothing for half a minute is dead. Milliseconds. */
const patience: TimeOuts = { idle: 30_000, total: 120_000 }
const stubbornness: RetryPolicy = { attempts: 4, firstPause: 250, longestPause: 5_000, longestRetryAfter: 30_000 }

export function makeClient(options: ClientOptions): RegistryClient {
  const { url, credentials = null, ca = null, insecure = false, width = 8 } = options
  const { timeOuts = patience, policy = stubbornness, onRetry = () => undefined, around = (send) => send } = options
  const exchange = makeExchange(timeOuts, { verify: !insecure, ca: ca && [...ca.usual, ca.own] }, options.lookup)
  const send = around(exchange.send)
  const authorizer = makeAuthorizer({ registry: url, credentials, insecure, send })
  const plain = insecure || url.protocol === 'http:'
  const registry = makeAskRegistry({ url, plain, exchange: { send }, authorizer, width, policy, onRetry })
  return {
    getManifest: (...asked) => getManifest(registry, ...asked),
    headManifest: (...asked) => headManifest(registry, ...asked),
    putManifest: (...asked) => putManifest(registry, ...asked),
    deleteTag: (...asked) => deleteTag(registry, ...asked),
    getBlob: (...asked) => getBlob(registry, ...asked),
    openBlob: (...asked) => openBlob(registry, ...asked),
    hasBlob: (...asked) => hasBlob(registry, ...asked),
    uploadBlob: (...asked) => uploadBlob(registry, ...asked),
    mountBlob: (...asked) => mountBlob(registry, ...asked),
    listTags: (...asked) => listTags(registry, ...asked),
    listRepositories: (...asked) => listRepositories(registry, ...asked),
    listReferrers: makeListReferrers(registry),
    close: exchange.close,
  }
}
