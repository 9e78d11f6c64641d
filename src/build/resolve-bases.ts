import type { Deps } from '../deps.ts'
import type { Digest } from '../oci/digest.ts'
import type { Platform } from '../oci/platform.ts'
import { formatReference, type Reference, tagRef } from '../oci/reference.ts'
import type { RegistryClient } from '../registry/registries.ts'
import { RegistryError } from '../registry/registry-error.ts'
import { BuildError } from './build-error.ts'
import type { BuildJob, ResolvedBase } from './builders/builder.ts'
import type { BaseUse } from './dockerfile.ts'
import type { JobRegistries } from './job-registries.ts'
import { namedPlatform, ownManifest } from './own-manifest.ts'

/**
 * A use of a base with the content it will have. `digest` is what its name points at (the index where there is one); `pull` the reference
 * by digest that the build is given: of the platform's own manifest where that is known, so that no two platforms share a reference.
 * `triggers`: its ONBUILD triggers as the registry has them; null where only the daemon can tell.
 */
export type ResolvedUse = BaseUse & { digest: Digest; pull: string; triggers: readonly string[] | null }

/** What was found out for other platforms of the same build: what names point at, and what the build's logins were seen to read. */
export type Known = { digests: Map<string, Digest>; proved: Set<string> }

export type BaseResolver = {
  d: Pick<Deps, 'registries'>
  registries: Pick<JobRegistries, 'client'>
  /** what names are to be taken as, whatever they point at by now */
  given: BuildJob['bases']
  /** of the host that builds, where neither recipe nor FROM names one */
  platform: string
  /** of a registry nobody configured: the daemon asks it, and says which content it got */
  pullByName: (reference: Reference, platform: string | null) => Promise<Digest>
  /** others build on the same daemon: it may hold a digest, and would give it, whoever may read it */
  isShared: boolean
  signal: AbortSignal
}

/**
 * Asks for the digest of every base before anything is built, each name once for all platforms (`known`), so that a name that moves
 * meanwhile gives no build that mixes contents. Each use comes back under the name of its registry, however the Dockerfile calls it.
 * A registry is asked with the build's own logins, for a digest too that is given: a daemon that holds it would not ask.
 * Errors: `base-absent`, `base-denied`, `base-invalid`, `base-unreachable`, `platform-absent`, and those of the registry client.
 */
export async function resolveBases(
  r: BaseResolver,
  uses: readonly BaseUse[],
  known: Known = { digests: new Map(), proved: new Set() },
): Promise<ResolvedUse[]> {
  const { digests, proved } = known
  for (const { name, digest } of r.given) if (!digests.has(name)) digests.set(name, digest)
  const resolved: ResolvedUse[] = []
  for (const use of uses) {
    const reference = { ...use.reference, host: r.d.registries.canonicalHost(use.reference.host) }
    const name = formatReference(reference)
    const said = digests.get(name) ?? reference.digest
    const digest = said ?? (await resolveName(r, use, reference))
    digests.set(name, digest)
    const content = `${reference.host}/${reference.repository}@${digest}`
    if (said !== null && said !== undefined && r.isShared && !proved.has(content)) await prove(r, reference, digest)
    proved.add(content)
    const platform = namedPlatform(use.platform ?? r.platform, r.platform)
    const own = await platformManifest(r, reference, digest, platform)
    const pull = `${reference.host}/${reference.repository}@${own.digest}`
    resolved.push({ ...use, reference, digest, pull, triggers: own.triggers })
  }
  return resolved
}

async function resolveName(r: BaseResolver, use: BaseUse, reference: Reference): Promise<Digest> {
  if (!r.d.registries.byName(reference.host)) return r.pullByName(use.reference, use.platform)
  const { repository, tag } = reference
  const found = await asked(r, reference, (client) =>
    client.headManifest(repository, tag ?? 'latest', { signal: r.signal }),
  )
  if (!found) throw new BuildError('base-absent', `the base ${formatReference(reference)} does not exist`)
  return found.digest
}

/** Sees that the build may read a content. */
async function prove(r: BaseResolver, reference: Reference, digest: Digest): Promise<void> {
  const name = `${reference.host}/${reference.repository}@${digest}`
  const client = await r.registries.client(reference, 'pull')
  if (!client)
    throw new BuildError(
      'base-unreachable',
      `${name}: this host is never asked, so nobody knows whether this build may read it`,
    )
  const found = await asked(r, reference, () => client.headManifest(reference.repository, digest, { signal: r.signal }))
  if (!found) throw new BuildError('base-absent', `the base ${name} does not exist`)
}

/** The manifest of just this platform, with its triggers; the digest itself where the registry cannot be asked for it. */
async function platformManifest(
  r: BaseResolver,
  reference: Reference,
  digest: Digest,
  platform: Platform,
): Promise<{ digest: Digest; triggers: readonly string[] | null }> {
  if (!r.d.registries.byName(reference.host)) return { digest, triggers: null }
  const own = await asked(r, reference, (client) => ownManifest(client, reference, digest, platform, r.signal))
  if (own) return own
  // A daemon of its own may hold it still.
  if (!r.isShared) return { digest, triggers: null }
  throw new BuildError('base-absent', `the base ${formatReference(reference)} (${digest}) does not exist`)
}

async function asked<T>(
  r: BaseResolver,
  reference: Reference,
  ask: (client: RegistryClient) => Promise<T | null>,
): Promise<T | null> {
  const client = await r.registries.client(reference, 'pull')
  try {
    return client && (await ask(client))
  } catch (error) {
    throw denied(error, formatReference(reference))
  }
}

/** What is to be done about a base that a build may not read. */
export const mayNotRead = (name: string): string =>
  `${name} may not be read: it needs a registry credential of the recipe's own namespace, or a namespace that is protected or public`

/** A base that the build's own logins may not read, said so; any other failure as it is. */
export const denied = (error: unknown, name: string): unknown =>
  error instanceof RegistryError && error.code === 'unauthorized'
    ? new BuildError('base-denied', mayNotRead(name), { cause: error })
    : error

/** What is recorded of a build: each base that counts once; one that is used in both roles is a runtime base. */
export function basesOf(uses: readonly ResolvedUse[]): ResolvedBase[] {
  const bases = new Map<string, ResolvedBase>()
  for (const { reference, digest, role, counts } of uses) {
    if (!counts) continue
    const { host, repository, tag } = reference
    const name = tag === null ? null : tagRef(host, repository, tag)
    const base = { name, digest, role, pinned: reference.digest !== null }
    const key = `${name} ${digest}`
    if (role === 'runtime' || !bases.has(key)) bases.set(key, base)
  }
  return [...bases.values()]
}
