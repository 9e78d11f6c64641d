import type { Digest } from '../oci/digest.ts'
import { type Descriptor, parseManifest } from '../oci/manifest.ts'
import { mediaTypes } from '../oci/media-type.ts'
import { type AskRegistry, type Question, repositoryPath } from './ask-registry.ts'
import { type Answer, place } from './exchange.ts'
import { pagesFrom } from './listings.ts'
import { RegistryError, type RegistryErrorCode } from './registry-error.ts'

/** What refers to a digest, or null where the registry cannot tell. */
export type ListReferrers = (
  repository: string,
  digest: Digest,
  options?: { signal?: AbortSignal },
) => Promise<Descriptor[] | null>

/** Descriptors read of one digest at most: thousands of signatures on one image say nothing new. */
const longest = 1_000
const pageBytes = 8 * 1024 * 1024

/** Milliseconds for which a registry that refused, or answered what nobody can read, is not asked again. */
const patience = 600_000

/** Milliseconds after which a registry that has no such API is asked whether it has one by now. */
const absence = 6 * 3600_000

/** What no other question need suffer from: this one is not allowed, or not understood. What may pass is thrown as ever. */
const declined: readonly RegistryErrorCode[] = ['unauthorized', 'registry-error', 'bad-response', 'too-large']

/**
 * Lists what refers to a digest (OCI distribution 1.1). A registry without that API (404) is asked again after six hours,
 * one that declines it after ten minutes. Answers null in both cases, an empty list where nothing refers.
 * https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-referrers
 */
export function makeListReferrers(registry: AskRegistry, now: () => number = Date.now): ListReferrers {
  let askAgainAt = 0
  let understood = false
  let probe: Promise<unknown> | null = null
  const decline = (until: number) => {
    askAgainAt = until
    return null
  }

  async function list(...[repository, digest, { signal } = {}]: Parameters<ListReferrers>) {
    const get = (path: string | URL) => registry.ask(question(repository, path), signal)
    try {
      const first = await get(`${repositoryPath(repository)}/referrers/${digest}`)
      if (first.status === 404) return understood ? null : decline(now() + absence)
      const found = await read(registry, first, get)
      understood = true
      return found
    } catch (error) {
      if (error instanceof RegistryError && declined.includes(error.code)) return decline(now() + patience)
      throw error
    }
  }

  return async (...asked) => {
    // Many ask at once at the beginning of an import: one of them finds out for all.
    while (!understood && probe) await probe.catch(() => undefined)
    if (now() < askAgainAt) return null
    if (understood) return list(...asked)
    const mine = list(...asked)
    probe = mine
    try {
      return await mine
    } finally {
      probe = null
    }
  }
}

const question = (repository: string, path: string | URL): Question => ({
  method: 'GET',
  path,
  scopes: [`repository:${repository}:pull`],
  headers: { accept: mediaTypes.ociIndex },
  maxBytes: pageBytes,
})

async function read(registry: AskRegistry, first: Answer, get: (at: URL) => Promise<Answer>): Promise<Descriptor[]> {
  const found: Descriptor[] = []
  for await (const { bytes, url } of pagesFrom(registry, first, get)) {
    const page = parseManifest(bytes, mediaTypes.ociIndex)
    if (typeof page === 'string' || page.kind !== 'index')
      throw new RegistryError('bad-response', `${place(url)}: no index of referrers`)
    found.push(...page.manifests)
    if (found.length >= longest) return found.slice(0, longest)
  }
  return found
}
