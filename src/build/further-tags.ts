import type { Deps } from '../deps.ts'
import { look } from '../ingest/look.ts'
import type { Payloads } from '../jobs/jobs.ts'
import { type Digest, isDigest } from '../oci/digest.ts'
import { contentName, parseReference, type Reference, tagRef } from '../oci/reference.ts'
import type { RegistryClient } from '../registry/registries.ts'
import { BuildError, describeError, type Failure } from './build-error.ts'
import type { Claim } from './claim.ts'
import { headOf } from './move-tag.ts'

type Target = Reference & { tag: string }

/** `left`: `seen` is what the tag was at just before, null where it did not exist; left out where that could not be asked. */
type MoveTags = Payloads['move-tags']
type Left = MoveTags['left'][number]
type Failed = Left & { failure: Failure }

/** `moved`: refs that are at the digest now. `later`: another time may help. `never`: it will not. */
type Moved = { moved: string[]; later: Failed[]; never: Failed[] }

/** Milliseconds for all tags of a build together: its worker, and what is based on it, wait for no more. Later tries may take longer. */
const firstPatience = 8_000
const laterPatience = 60_000
/** Minutes between later tries, at most; and after how many of them a person has to look. */
const longestPause = 360
const mostTries = 30

/**
 * Points further tags at what was pushed, through the registry alone; one that cannot be moved keeps none of the others. One that is not where
 * it was seen last was moved by somebody else meanwhile, and stays; so do all, where the target itself is elsewhere by now.
 */
async function moveTags(
  client: RegistryClient,
  target: Target,
  { digest, tags }: { digest: Digest; tags: readonly Left[] },
  signal: AbortSignal,
): Promise<Moved> {
  const { host, repository } = target
  const all: Moved = { moved: [], later: [], never: [] }
  const pushed = manifestOnce(client, target, digest, signal)
  try {
    if ((await headOf(client, target, signal)) !== digest) return all
  } catch (error) {
    const failure = { ...describeError(error), retryable: true }
    return { ...all, later: tags.map((tag) => ({ ...tag, failure })) }
  }
  for (const known of tags) {
    const left: Left = { ...known }
    try {
      const head = await headOf(client, { repository, tag: left.tag }, signal)
      const wasMoved = left.seen !== undefined && left.seen !== head
      left.seen = head
      if (head !== digest && wasMoved) continue
      if (head !== digest) await client.putManifest(repository, left.tag, await pushed(), { signal })
      all.moved.push(tagRef(host, repository, left.tag))
    } catch (error) {
      const failure = describeError(error)
      const mayHelp = failure.retryable || signal.aborted
      all[mayHelp ? 'later' : 'never'].push({ ...left, failure })
    }
  }
  return all
}

/** What was pushed, fetched when it is first wanted. Throws BuildError (`push-mismatch`) where it is gone. */
function manifestOnce(client: RegistryClient, target: Target, digest: Digest, signal: AbortSignal) {
  let found: Awaited<ReturnType<RegistryClient['getManifest']>> = null
  return async () => {
    found ??= await client.getManifest(target.repository, digest, { signal })
    if (!found) throw new BuildError('push-mismatch', `${contentName(target, digest)} does not exist any more`)
    return found
  }
}

const toldOf = (left: readonly Failed[], name = (tag: string) => tag): string =>
  left.map(({ tag, failure }) => `${name(tag)} (${failure.message})`).join(', ')

const notMoved = (ref: string, left: readonly Failed[]): BuildError =>
  new BuildError('tags-not-moved', `${ref} was pushed; these tags could not be moved to it: ${toldOf(left)}`)

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
  const { moved, later, never } = await moveTags(client, target, { digest, tags }, limit)
  stop.throwIfAborted()
  if (later.length > 0) await leave(d, target.host, { buildId: claim.id, left: later, tries: 0 })
  if (never.length > 0) throw notMoved(claim.ref, never)
  const told = toldOf(later, (tag) => tagRef(target.host, target.repository, tag))
  return { moved, note: told === '' ? null : `[tags that could not be moved along yet, tried again later: ${told}]` }
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
  const { moved, later, never } = await moveTags(client, own, { digest, tags }, limit)
  const isOver = tries + 1 >= mostTries
  if (later.length > 0 && !isOver)
    await leave(d, own.host, { buildId, left: later, tries: stop.aborted ? tries : tries + 1 })
  const told = isOver ? [...later, ...never] : never
  if (told.length > 0) d.log.error({ build: buildId, err: notMoved(build.ref, told) }, 'tags could not be moved along')
  for (const ref of moved) await look(d, ref)
}
