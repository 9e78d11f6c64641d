import type { Deps } from '../deps.ts'
import type { Digest } from '../oci/digest.ts'
import { formatReference, type Reference, tagRef } from '../oci/reference.ts'
import { BuildError } from './build-error.ts'
import type { ResolvedBase } from './builders/builder.ts'
import type { BaseUse } from './dockerfile.ts'

/** A use of a base with the content it will have: `pull` is the reference by digest that the build is given. */
export type ResolvedUse = BaseUse & { digest: Digest; pull: string }

/**
 * Asks for the digest of every base before anything is built, each name once, so that a name that moves meanwhile gives no build
 * that mixes contents. Each use comes back under the name of its registry, however the Dockerfile calls it. A registry we know is asked itself; of others `pullByName` (the daemon) tells what it got.
 * Errors: `base-absent`, and those of the registry client.
 */
export async function resolveBases(
  d: Pick<Deps, 'registries'>,
  uses: readonly BaseUse[],
  pullByName: (reference: Reference, platform: string | null) => Promise<Digest>,
): Promise<ResolvedUse[]> {
  const known = new Map<string, Digest>()
  const resolved: ResolvedUse[] = []
  for (const use of uses) {
    const name = formatReference(use.reference)
    const digest = known.get(name) ?? use.reference.digest ?? (await resolveName(d, use, pullByName))
    known.set(name, digest)
    const reference = { ...use.reference, host: d.registries.canonicalHost(use.reference.host) }
    resolved.push({ ...use, reference, digest, pull: `${reference.host}/${reference.repository}@${digest}` })
  }
  return resolved
}

async function resolveName(
  d: Pick<Deps, 'registries'>,
  { reference, platform }: BaseUse,
  pullByName: (reference: Reference, platform: string | null) => Promise<Digest>,
): Promise<Digest> {
  const client = d.registries.byName(reference.host)
  if (!client) return pullByName(reference, platform)
  const head = await client.headManifest(reference.repository, reference.tag ?? 'latest')
  if (!head) throw new BuildError('base-absent', `the base ${formatReference(reference)} does not exist`)
  return head.digest
}

/** What is recorded of a build: each base once; one that is used in both roles is a runtime base. */
export function basesOf(uses: readonly ResolvedUse[]): ResolvedBase[] {
  const bases = new Map<string, ResolvedBase>()
  for (const { reference, digest, role } of uses) {
    const { host, repository, tag } = reference
    const name = tag === null ? null : tagRef(host, repository, tag)
    const base = { name, digest, role, pinned: reference.digest !== null }
    const key = `${name} ${digest}`
    if (role === 'runtime' || !bases.has(key)) bases.set(key, base)
  }
  return [...bases.values()]
}
