import type { Deps } from '../deps.ts'
import { type Instant, instantOf } from '../oci/instant.ts'
import { tagRef } from '../oci/reference.ts'
import type { RegistryClient } from '../registry/registries.ts'
import { inTransaction } from './in-transaction.ts'
import { learn } from './learn.ts'
import { type Learned, nothingLearned, type Observation, save } from './save.ts'

/** Where a tag is in the registry and was not known to be, or is no more. Digests of heads. */
export type Difference = { ref: string; kind: 'new' | 'moved' | 'deleted'; from: string | null; to: string | null }

/** A tag as known *before* the registry is asked. `since`: its latest change; `readable` false: its content is missing here. */
export type KnownHead = { digest: string | null; since: Instant; readable: boolean }

export type TagName = { registryId: number; host: string; repository: string; tag: string }

/** `sourceId`: one for each asking. `listing`: what the repository's list of tags said of it, where there was one. */
export type Asking = { sourceId: string; dryRun: boolean; listing: 'has-it' | 'lacks-it' | 'not-asked' }

type Sighting = Pick<Deps, 'sql' | 'jobs' | 'clock' | 'registries'>

/**
 * Asks the registry for one tag and saves what differs from what is known, in a transaction of its own. A tag counts as
 * deleted only after two answers that say so; an error is thrown and deletes nothing.
 */
export async function sightTag(
  d: Sighting,
  client: RegistryClient,
  name: TagName,
  known: KnownHead | null,
  asking: Asking,
): Promise<Difference | null> {
  const ref = tagRef(name.host, name.repository, name.tag)
  const head = await client.headManifest(name.repository, name.tag)
  const at = (date: Date | null | undefined) => laterThan(known, instantOf(date ?? d.clock()))
  if (head && known && head.digest === known.digest) {
    if (!known.readable && !asking.dryRun) await mend(d, client, name, head.digest, head.mediaType)
    return null
  }
  const from = known?.digest ?? null
  if (head) {
    const difference = { ref, kind: from === null ? ('new' as const) : ('moved' as const), from, to: head.digest }
    if (asking.dryRun) return difference
    const learned = await learn(d, client, name.repository, head.digest, head.mediaType)
    const seen = observation(name, 'push', head.digest, at(head.date), asking.sourceId)
    await inTransaction(d.sql, async (tx) => void (await save(d, tx, seen, learned)))
    return difference
  }
  if (from === null || asking.listing === 'has-it') return null
  if (asking.listing === 'not-asked' && (await client.headManifest(name.repository, name.tag)) !== null) return null
  if (!asking.dryRun) {
    const seen = observation(name, 'delete', null, at(null), asking.sourceId)
    await inTransaction(d.sql, async (tx) => void (await save(d, tx, seen, nothingLearned)))
  }
  return { ref, kind: 'deleted', from, to: null }
}

/** The answer's time, but after the change that was known before it was asked for. */
const laterThan = (known: KnownHead | null, at: Instant): Instant =>
  known && at < known.since + 1_000_000n ? known.since + 1_000_000n : at

const observation = (
  { registryId, host, repository, tag }: TagName,
  kind: 'push' | 'delete',
  digest: string | null,
  at: Instant,
  sourceId: string,
): Observation => ({ registryId, host, repository, tag, kind, digest, at, sourceId, exact: false })

/** The head is as known, but its content was not to be had when it was asked for. */
async function mend(
  d: Sighting,
  client: RegistryClient,
  name: TagName,
  digest: Parameters<typeof learn>[3],
  mediaType: string,
): Promise<void> {
  const learned: Learned = await learn(d, client, name.repository, digest, mediaType)
  await inTransaction(d.sql, async (tx) => void (await save(d, tx, null, learned)))
}
