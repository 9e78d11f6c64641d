import type { Deps } from '../deps.ts'
import { look } from '../ingest/look.ts'
import type { Attempt } from '../jobs/jobs.ts'
import { type Digest, isDigest } from '../oci/digest.ts'
import { parseReference, type Reference, tagRef } from '../oci/reference.ts'
import type { RegistryClient } from '../registry/registries.ts'
import { BuildError, describeError, type Failure } from './build-error.ts'
import type { Claim } from './claim.ts'
import { Recipe } from './recipe.ts'

/** Which of a recipe's further tags are at the digest now, and which are not, as refs. */
type Moved = { moved: string[]; left: Map<string, Failure> }

/**
 * Points the recipe's further tags at what was pushed, through the registry alone; one that cannot be moved keeps none of the others. A tag
 * with a recipe of its own stays: it is built by that.
 */
async function moveTags(
  d: Pick<Deps, 'sql' | 'registries'>,
  target: Reference,
  digest: Digest,
  tags: readonly string[],
  signal?: AbortSignal,
): Promise<Moved> {
  const named = new Map(tags.map((tag) => [tagRef(target.host, target.repository, tag), tag]))
  named.delete(tagRef(target.host, target.repository, target.tag ?? ''))
  const own = await d.sql<{ ref: string }[]>`select ref from recipe where ref = any(${[...named.keys()]})`
  for (const { ref } of own) named.delete(ref)
  const all: Moved = { moved: [], left: new Map() }
  if (named.size === 0) return all
  const { client, manifest } = await contentOf(d, target, digest, signal)
  for (const [ref, tag] of named)
    await client.putManifest(target.repository, tag, manifest, signal ? { signal } : {}).then(
      () => all.moved.push(ref),
      (error: unknown) => {
        signal?.throwIfAborted()
        all.left.set(ref, describeError(error))
      },
    )
  return all
}

async function contentOf(d: Pick<Deps, 'registries'>, target: Reference, digest: Digest, signal?: AbortSignal) {
  const client: RegistryClient | null = d.registries.byName(target.host)
  const manifest = await client?.getManifest(target.repository, digest, signal ? { signal } : {})
  if (!client || !manifest) throw new BuildError('push-mismatch', `${digest} is not in ${target.repository} any more`)
  return { client, manifest }
}

const told = (left: Moved['left']): string => [...left].map(([ref, { message }]) => `${ref} (${message})`).join(', ')
const mayPass = ({ left }: Moved): boolean => [...left.values()].every(({ retryable }) => retryable)
const notMoved = (ref: string, { left }: Moved): BuildError =>
  new BuildError('tags-not-moved', `${ref} was pushed; these tags could not be moved to it: ${told(left)}`)

/** As long as it may help: about five days, with longer and longer pauses. */
const triesAt = { firstAfter: 20_000, most: 25 }

/**
 * After a push that is recorded. What cannot be moved now, but perhaps later, gets a job of its own (`move-tags`) and holds up neither the end
 * of the build nor what is based on it; `note` says so in its log. Throws BuildError (`tags-not-moved`) where another time will not do.
 */
export async function moveOrLeave(
  d: Pick<Deps, 'sql' | 'jobs' | 'registries' | 'clock'>,
  claim: Pick<Claim, 'id' | 'ref' | 'recipe'>,
  target: Reference,
  digest: Digest,
  stop: AbortSignal,
): Promise<{ moved: string[]; note: string | null }> {
  const later = async (why: string) => {
    const runAt = new Date(d.clock().getTime() + triesAt.firstAfter)
    const options = { key: `move-tags:${claim.id}`, runAt, maxAttempts: triesAt.most }
    await d.jobs.enqueue(d.sql, 'move-tags', { buildId: claim.id }, options)
    return `[tags that could not be moved along yet, tried again later: ${why}]`
  }
  try {
    const all = await moveTags(d, target, digest, claim.recipe?.tags ?? [], stop)
    if (all.left.size > 0 && !mayPass(all)) throw notMoved(claim.ref, all)
    return { moved: all.moved, note: all.left.size > 0 ? await later(told(all.left)) : null }
  } catch (error) {
    stop.throwIfAborted()
    const { message, retryable } = describeError(error)
    if (!retryable) throw error
    return { moved: [], note: await later(message) }
  }
}

/**
 * The job: moves what `moveOrLeave` left, unless the tag itself is elsewhere by now. Rejects where it is worth another try; what is not, or was
 * tried often enough, is told as an error: the tags stay where they are, and are flagged as any other.
 */
export async function moveLeftTags(
  d: Pick<Deps, 'sql' | 'jobs' | 'registries' | 'log'> & Parameters<typeof look>[0],
  buildId: string,
  { attempt, maxAttempts }: Pick<Attempt, 'attempt' | 'maxAttempts'>,
): Promise<void> {
  const [build] = await d.sql<{ ref: string; digest: string | null; recipe: string }[]>`
    select ref, digest, recipe::text as recipe from build where id = ${buildId}`
  const target = build ? parseReference(build.ref) : null
  if (!build || !target?.tag || !isDigest(build.digest)) return
  const head = await d.registries.byName(target.host)?.headManifest(target.repository, target.tag)
  if (head?.digest !== build.digest) {
    d.log.info({ build: buildId, ref: build.ref }, 'tags are not moved along any more: their own has moved on')
    return
  }
  const all = await moveTags(d, target, build.digest, Recipe.parse(JSON.parse(build.recipe)).tags)
  for (const ref of all.moved) await look(d, ref)
  if (all.left.size === 0) return
  const failure = notMoved(build.ref, all)
  if (mayPass(all) && attempt < maxAttempts) throw failure
  d.log.error({ build: buildId, err: failure }, 'tags could not be moved along')
}
