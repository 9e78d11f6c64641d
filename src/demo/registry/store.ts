import { createHash, randomUUID } from 'node:crypto'
import type { Digest } from '../../oci/digest.ts'

export type StoredManifest = { digest: Digest; mediaType: string; bytes: Buffer }

/** What a repository holds. A blob is reachable only through a repository that has it, as in any registry. */
export type StoredRepository = { blobs: Set<Digest>; manifests: Map<Digest, StoredManifest>; tags: Map<string, Digest> }

type Upload = { repository: string; chunks: Buffer[]; size: number }

/** Everything the registry knows, in memory: gone with the process. Invariant: a tag points at a manifest of its repository. */
export type Store = {
  repositories: Map<string, StoredRepository>
  /** The repository, made where there is none yet. */
  open: (name: string) => StoredRepository
  blob: (repository: string, digest: Digest) => Buffer | null
  addBlob: (repository: string, digest: Digest, bytes: Buffer) => void
  startUpload: (repository: string) => string
  upload: (repository: string, id: string) => Upload | null
  endUpload: (id: string) => void
}

export function makeStore(): Store {
  const repositories = new Map<string, StoredRepository>()
  const blobs = new Map<Digest, Buffer>()
  const uploads = new Map<string, Upload>()
  const open = (name: string): StoredRepository => {
    const known = repositories.get(name) ?? { blobs: new Set(), manifests: new Map(), tags: new Map() }
    repositories.set(name, known)
    return known
  }
  return {
    repositories,
    open,
    blob: (repository, digest) =>
      repositories.get(repository)?.blobs.has(digest) ? (blobs.get(digest) ?? null) : null,
    addBlob(repository, digest, bytes) {
      blobs.set(digest, bytes)
      open(repository).blobs.add(digest)
    },
    startUpload(repository) {
      const id = randomUUID()
      uploads.set(id, { repository, chunks: [], size: 0 })
      return id
    },
    upload(repository, id) {
      const upload = uploads.get(id)
      return upload?.repository === repository ? upload : null
    },
    endUpload: (id) => void uploads.delete(id),
  }
}

/** The digest of bytes, by the algorithm of `like` (default sha256). */
export function digestOf(bytes: Uint8Array, like = 'sha256:'): Digest {
  const algorithm = like.slice(0, like.indexOf(':'))
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}` as Digest
}
