import type { Deps } from '../deps.ts'
import { look } from '../ingest/look.ts'
import { type Digest, isDigest } from '../oci/digest.ts'
import { parseReference, type Reference, tagRef } from '../oci/reference.ts'
import type { RegistryClient } from '../registry/registries.ts'
import { BuildError, describeError, type Failure } from './build-error.ts'
import type { Claim } from './claim.ts'
import { headOf } from './move-tag.ts'

type Target = Reference & { tag: string }

/** A tag that could not be moved. `seen`: what it was at just before, null where it did not exist; left out where that could not be asked. */
type Left = { tag: string; seen?: Digest | null }
export type MoveTags = { buildId: string; left: Left[]; tries: number }

/** `moved`: refs that are at the digest now. */
type Moved = { moved: string[]; left: (Left & { failure: Failure })[] }

/** Milliseconds for all tags of a build together: its worker, and what is based on it, wait for no more. Later tries may take longer. */
const firstPatience = 8_000
const laterPatience = 60_000
/** Minutes between later tries, at most; and after how many of them a person has to look. */
const longestPause = 360
const mostTries = 30

/**
 * Points further tags at what was pushed, through the registry alone; one that cannot be moved keeps none of the others. One that is not where
 * it was seen last was moved by somebody else meanwhile, and stays.
 */
async function moveTags(
  client: RegistryClient,
  target: Target,
  { digest, tags }: { digest: Digest; tags: readonly Left[] },
  signal: AbortSignal,
): Promise<Moved> {
  const { host, repository } = target
  const all: Moved = { moved: [], left: [] }
  for (const known of tags) {
    const left: Left = { ...known }
    try {
      const head = await headOf(client, { repository, tag: left.tag }, signal)
      const isElsewhere = left.seen !== undefined && left.seen !== head
      left.seen = head
      if (head !== digest && isElsewhere) continue
      if (head !== digest) {
        const manifest = await client.getManifest(repository, digest, { signal })
        if (!manifest) throw new BuildError('push-mismatch', `${digest} is not in ${repository} any more`)
        await client.putManifest(repository, left.tag, manifest, { signal })
      }
      all.moved.push(tagRef(host, repository, left.tag))
    } catch (error) {
      const failure = signal.aborted ? { ...describeError(error), retryable: true } : describeError(error)
      all.left.push({ ...left, failure })
    }
  }
  return all
}

const isElsewhere = async (client: RegistryClient, target: Target, digest: Digest, signal: AbortSignal) =>
  (await headOf(client, target, signal)) !== digest

const notMoved = (ref: string, left: Moved['left']): BuildError => {
  const told = left.map(({ tag, failure }) => `${tag} (${failure.message})`).join(', ')
  return new BuildError('tags-not-moved', `${ref} was pushed; these tags could not be moved to it: ${told}`)
}

/** Those of these tags that no recipe of their own builds. */
async function withoutRecipe(d: Pick<Deps, 'sql'>, { host, repository }: Target, tags: readonly string[]) {
  const named = new Map(tags.map((tag) => [tagRef(host, repository, tag), tag]))
  const own = await d.sql<{ ref: string }[]>`select ref from recipe where ref = any(${[...named.keys()]})`
  for (const { ref } of own) named.delete(ref)
  return [...named.values()]
}

/** After `tries`, in the transaction or outside. One registry's are tried one after another: none takes more than one worker. */
const leave = (d: Pick<Deps, 'sql' | 'jobs' | 'clock'>, host: string, { buildId, left, tries }: MoveTags) =>
  d.jobs.enqueue(
    d.sql,
    'move-tags',
    { buildId, tries, left: left.map(({ tag, seen }) => ({ tag, ...(seen === undefined ? {} : { seen }) })) },
    {
      key: `move-tags:${buildId}`,
      queue: `move-tags:${host}`,
      runAt: new Date(d.clock().getTime() + Math.min(2 ** tries / 2, longestPause) * 60_000),
    },
  )

/**
 * After a push that is recorded. What cannot be moved now, but perhaps later, gets a job of its own (`move-tags`) and holds up neither the end
 * of the build nor what is based on it; `note` says so in its log. Throws BuildError (`tags-not-moved`) for those that another time will not help.
 */
export async function moveOrLeave(
  d: Pick<Deps, 'sql' | 'jobs' | 'registries' | 'clock'>,
  claim: Pick<Claim, 'id' | 'ref' | 'recipe'>,
  target: Target,
  digest: Digest,
  stop: AbortSignal,
): Promise<{ moved: string[]; note: string | null }> {
  const wanted = (claim.recipe?.tags ?? []).filter((tag) => tag !== target.tag)
  const tags = (await withoutRecipe(d, target, wanted)).map((tag): Left => ({ tag }))
  const client = d.registries.byName(target.host)
  if (tags.length === 0 || !client) return { moved: [], note: null }
  const limit = AbortSignal.any([stop, AbortSignal.timeout(firstPatience)])
  const all = await isElsewhere(client, target, digest, limit)
    .then((gone) => (gone ? { moved: [], left: [] } : moveTags(client, target, { digest, tags }, limit)))
    .catch((error: unknown): Moved => {
      const failure = { ...describeError(error), retryable: true }
      return { moved: [], left: tags.map((tag) => ({ ...tag, failure })) }
    })
  stop.throwIfAborted()
  const [later, never] = [
    all.left.filter(({ failure }) => failure.retryable),
    all.left.filter((one) => !one.failure.retryable),
  ]
  if (later.length > 0) await leave(d, target.host, { buildId: claim.id, left: later, tries: 0 })
  if (never.length > 0) throw notMoved(claim.ref, never)
  const told = later.map(({ tag, failure }) => `${tagRef(target.host, target.repository, tag)} (${failure.message})`)
  const note = `[tags that could not be moved along yet, tried again later: ${told.join(', ')}]`
  return { moved: all.moved, note: later.length > 0 ? note : null }
}

/**
 * The job: moves what `moveOrLeave` left, as long as the recipe names it still, and unless the tag itself is elsewhere by now. What fails again
 * is left again; what is refused for good, or failed too often, is told as an error: those tags stay where they are, and are flagged as any other.
 */
export async function moveLeftTags(
  d: Pick<Deps, 'sql' | 'jobs' | 'registries' | 'clock' | 'log'> & Parameters<typeof look>[0],
  { buildId, left, tries }: MoveTags,
  stop: AbortSignal,
): Promise<void> {
  const [build] = await d.sql<{ ref: string; digest: string | null; named: string[] }[]>`
    select build.ref, build.digest, array(select jsonb_array_elements_text(recipe.spec -> 'tags')) as named
    from build join recipe on recipe.ref = build.ref where build.id = ${buildId}`
  const target = build ? parseReference(build.ref) : null
  const client = target && d.registries.byName(target.host)
  if (!build || !target?.tag || !client || !isDigest(build.digest)) return
  const { digest } = build
  const own: Target = { ...target, tag: target.tag }
  const named = await withoutRecipe(d, own, build.named)
  const tags = left.filter(({ tag }) => named.includes(tag))
  const limit = AbortSignal.any([stop, AbortSignal.timeout(laterPatience)])
  const all = await isElsewhere(client, own, digest, limit)
    .then((gone) => (gone ? { moved: [], left: [] } : moveTags(client, own, { digest, tags }, limit)))
    .catch(
      (error: unknown): Moved => ({ moved: [], left: tags.map((tag) => ({ ...tag, failure: describeError(error) })) }),
    )
  const later = all.left.filter(({ failure }) => failure.retryable || limit.aborted)
  const never = all.left.filter((one) => !later.includes(one))
  const isOver = tries + 1 >= mostTries
  if (later.length > 0 && !isOver)
    await leave(d, own.host, { buildId, left: later, tries: stop.aborted ? tries : tries + 1 })
  const told = isOver ? all.left : never
  if (told.length > 0) d.log.error({ build: buildId, err: notMoved(build.ref, told) }, 'tags could not be moved along')
  for (const ref of all.moved) await look(d, ref)
}
