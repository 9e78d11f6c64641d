import { setTimeout as pause } from 'node:timers/promises'
import type { Deps } from '../deps.ts'
import type { Instant } from '../oci/instant.ts'
import { tagRef } from '../oci/reference.ts'
import type { FoundManifest, ManifestHead } from '../registry/manifests.ts'
import type { RegistryClient } from '../registry/registries.ts'
import { RegistryError } from '../registry/registry-error.ts'
import { seenAt } from './clock-skew.ts'
import { inTransaction } from './in-transaction.ts'
import { learn } from './learn.ts'
import { type Finding, nothingLearned, type Observation, saveAll } from './save.ts'

/** Where a tag is in the registry and was not known to be, or is no more. Digests of heads. */
export type Difference = { ref: string; kind: 'new' | 'moved' | 'deleted'; from: string | null; to: string | null }

/** A tag as known *before* the registry is asked. `since`: its latest change; `readable` false: its content is missing here. */
export type KnownHead = { digest: string | null; since: Instant; readable: boolean }

export type TagName = { registryId: number; host: string; repository: string; tag: string }

/** `sourceId`: one for each asking. `listing`: what the repository's list of tags said of it, where there was one. */
export type Asking = {
  sourceId: string
  dryRun: boolean
  listing: 'has-it' | 'lacks-it' | 'not-asked'
  /** milliseconds between two answers that a tag is gone */
  between?: number
}

/** A registry that is being restarted, or whose storage is not mounted yet, says for a moment that there is nothing. Milliseconds. */
export const betweenAnswers = 2000

type Needs = Pick<Deps, 'sql' | 'jobs' | 'clock' | 'registries'>

/** What was found of a tag: how it differs from what is known (null: in nothing that a tag shows), and what to save. */
export type Sighting = { difference: Difference | null; finding: Finding }

/** Asks for one tag and saves what differs from what is known, in a transaction of its own. */
export async function sightTag(
  d: Needs,
  client: RegistryClient,
  name: TagName,
  known: KnownHead | null,
  asking: Asking,
): Promise<Difference | null> {
  const sighting = await sight(d, client, name, known, asking)
  if (sighting && !asking.dryRun)
    await inTransaction(d.sql, async (tx) => void (await saveAll(d, tx, [sighting.finding])))
  return sighting?.difference ?? null
}

/**
 * Asks the registry for one tag; null where all is as known. A tag counts as deleted only after two answers that say so; an error
 * is thrown and deletes nothing. One that was not known is fetched at once, without asking first where it is.
 */
export async function sight(
  d: Pick<Deps, 'sql' | 'clock'>,
  client: RegistryClient,
  name: TagName,
  known: KnownHead | null,
  asking: Asking,
): Promise<Sighting | null> {
  const ref = tagRef(name.host, name.repository, name.tag)
  const from = known?.digest ?? null
  const found = from === null && !asking.dryRun ? await fetchIfUsable(client, name) : null
  const head = found ?? (await client.headManifest(name.repository, name.tag))
  const seen = (date: Date | null) => seenAt({ date, now: d.clock(), since: known?.since ?? null })
  const learned = (at: ManifestHead) => learn(d, client, name.repository, at.digest, at.mediaType, found ?? undefined)
  const { at, backTo } = seen(head?.date ?? null)
  const back = backTo === null ? null : { ...name, to: backTo }
  if (head && known && head.digest === known.digest) {
    if (known.readable && back === null) return null
    return {
      difference: null,
      finding: {
        ...{ observation: null, back },
        learned: asking.dryRun || known.readable ? nothingLearned : await learned(head),
      },
    }
  }
  if (head) {
    const difference = { ref, kind: from === null ? ('new' as const) : ('moved' as const), from, to: head.digest }
    const moved = observation(name, 'push', head.digest, at, asking.sourceId)
    return {
      difference,
      finding: { observation: moved, back, learned: asking.dryRun ? nothingLearned : await learned(head) },
    }
  }
  if (from === null || asking.listing === 'has-it') return null
  if (asking.listing === 'not-asked') {
    await pause(asking.between ?? betweenAnswers)
    if ((await client.headManifest(name.repository, name.tag)) !== null) return null
  }
  const gone = observation(name, 'delete', null, seen(null).at, asking.sourceId)
  return {
    difference: { ref, kind: 'deleted', from, to: null },
    finding: { observation: gone, learned: nothingLearned },
  }
}

/** Null where there is none, and where what there is cannot be used: a HEAD tells these apart. */
async function fetchIfUsable(client: RegistryClient, name: TagName): Promise<FoundManifest | null> {
  try {
    return await client.getManifest(name.repository, name.tag)
  } catch (error) {
    if (error instanceof RegistryError && (error.code === 'too-large' || error.code === 'digest-mismatch')) return null
    throw error
  }
}

const observation = (
  { registryId, host, repository, tag }: TagName,
  kind: 'push' | 'delete',
  digest: string | null,
  at: Instant,
  sourceId: string,
): Observation => ({ registryId, host, repository, tag, kind, digest, at, sourceId, exact: false })
