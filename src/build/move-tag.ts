import type { Digest } from '../oci/digest.ts'
import { previousTag } from '../oci/own-tags.ts'
import type { Reference } from '../oci/reference.ts'
import type { RegistryClient } from '../registry/registries.ts'
import { BuildError } from './build-error.ts'
import type { BuildJob } from './builders/builder.ts'
import type { Blob } from './published-manifest.ts'

type Target = Pick<Reference, 'repository'> & { tag: string }

/** What a tag points at before it moves; null where it does not exist yet. */
export const headOf = async (client: RegistryClient, target: Target, signal: AbortSignal): Promise<Digest | null> =>
  (await client.headManifest(target.repository, target.tag, { signal }))?.digest ?? null

/** Puts a manifest at a tag, and makes sure that the registry took it as it is. Error: `push-mismatch`. */
export async function putAt(
  client: RegistryClient,
  target: Target,
  { bytes, mediaType, digest }: Blob,
  signal: AbortSignal,
): Promise<void> {
  const stored = await client.putManifest(target.repository, target.tag, { bytes, mediaType }, { signal })
  if (stored !== digest) throw new BuildError('push-mismatch', `the registry stored ${stored} for ${digest}`)
}

/**
 * Moves the target to `content`: the recipe's candidate tag first, then, once `approve` has resolved, what the target was before is kept
 * under TAG-prev, and the target itself moves. Done again after a crash it leads to the same, as long as `previous` is what it was.
 */
export async function moveTag(
  client: RegistryClient,
  { target, recipe }: Pick<BuildJob, 'target' | 'recipe'>,
  { content, previous, approve }: { content: Blob; previous: Digest | null; approve: () => Promise<void> },
  signal: AbortSignal,
): Promise<void> {
  const { repository, tag } = target
  if (recipe.pushTo !== undefined && recipe.pushTo !== tag)
    await putAt(client, { repository, tag: recipe.pushTo }, content, signal)
  await approve()
  if (recipe.keepPrevious && previous !== null && previous !== content.digest) {
    const kept = await client.getManifest(repository, previous, { signal })
    if (kept) await putAt(client, { repository, tag: previousTag(tag) }, kept, signal)
  }
  signal.throwIfAborted()
  await putAt(client, target, content, signal)
}
