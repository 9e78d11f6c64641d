import pLimit from 'p-limit'
import type { Deps } from '../deps.ts'
import { inTransaction } from '../ingest/in-transaction.ts'
import { knownHeads } from '../ingest/known-heads.ts'
import { saveAll } from '../ingest/save.ts'
import { type Asking, type Sighting, sight } from '../ingest/sight-tag.ts'
import { isStagingTag } from '../oci/own-tags.ts'
import type { RegistryClient } from '../registry/registries.ts'
import { aliveTags } from './known-tags.ts'
import type { Tally } from './pass.ts'

/** Tags asked for at once, and tags that are compared and saved together. */
const width = 8
const batchSize = 100

export type Comparing = {
  d: Pick<Deps, 'sql' | 'jobs' | 'log' | 'clock' | 'registries'>
  client: RegistryClient
  registryId: number
  host: string
  dryRun: boolean
  sourceId: string
  /** differences to keep */
  keep: number
  tally: Tally
  /** tags that its listing lacks and that it does not know, by repository: to be asked for once more */
  suspects: Map<string, string[]>
  /** set where something of it could not be compared */
  failed: boolean
  note: () => Promise<void>
}

/**
 * Every listed tag; every tag thought alive that the listing, whole and without error, no longer holds. While one batch is saved the
 * next is being asked for. What fails is counted and passed over.
 */
export async function compareRepository(c: Comparing, repository: string): Promise<void> {
  const listed = new Set<string>()
  let saving: Promise<void> = Promise.resolve()
  const compare = async (tags: string[], listing: Asking['listing']) => {
    const sightings = await sightAll(c, repository, tags, listing)
    await saving
    saving = keepAll(c, sightings)
  }
  try {
    let batch: string[] = []
    for await (const tag of c.client.listTags(repository)) {
      listed.add(tag)
      if (isStagingTag(tag)) continue
      if (batch.push(tag) < batchSize) continue
      await compare(batch, 'has-it')
      batch = []
    }
    await compare(batch, 'has-it')
    for await (const names of aliveTags(c.d.sql, c.registryId, repository)) {
      const unlisted = names.filter((name) => !listed.has(name))
      const { gone, others } = bySuspicion(await sightAll(c, repository, unlisted, 'lacks-it'))
      await saving
      saving = keepAll(c, others)
      if (gone.length > 0) c.suspects.set(repository, [...(c.suspects.get(repository) ?? []), ...gone])
    }
  } finally {
    await saving
  }
}

/** Asks once more for tags that seemed gone: those that the list lacks and the registry does not know now either are. */
export async function confirmGone(c: Comparing, repository: string, tags: string[]): Promise<void> {
  const listed = new Set<string>()
  for await (const tag of c.client.listTags(repository)) listed.add(tag)
  const unlisted = tags.filter((tag) => !listed.has(tag))
  for (let i = 0; i < unlisted.length; i += batchSize)
    await keepAll(c, await sightAll(c, repository, unlisted.slice(i, i + batchSize), 'lacks-it'))
}

function bySuspicion(sightings: Sighting[]): { gone: string[]; others: Sighting[] } {
  const isGone = ({ difference }: Sighting) => difference?.kind === 'deleted'
  return {
    gone: sightings.filter(isGone).map(({ finding }) => finding.observation!.tag),
    others: sightings.filter((sighting) => !isGone(sighting)),
  }
}

async function sightAll(
  c: Comparing,
  repository: string,
  tags: string[],
  listing: Asking['listing'],
): Promise<Sighting[]> {
  if (tags.length === 0) return []
  const { d, client, registryId, host, dryRun, sourceId } = c
  const known = await knownHeads(d.sql, registryId, repository, tags)
  const limit = pLimit(width)
  const asked = tags.map((tag) =>
    limit(() =>
      guarded(c, async () => {
        const name = { registryId, host, repository, tag }
        const sighting = await sight(d, client, name, known.get(tag) ?? null, { sourceId, dryRun, listing })
        c.tally.compared++
        return sighting
      }),
    ),
  )
  const sightings = await Promise.all(asked)
  await c.note()
  return sightings.filter((sighting) => sighting !== null)
}

/** Saves them together; where that fails, each by itself, so that one does not hold up the others. */
async function keepAll(c: Comparing, sightings: Sighting[]): Promise<void> {
  const save = (some: Sighting[]) =>
    inTransaction(
      c.d.sql,
      async (tx) =>
        void (await saveAll(
          c.d,
          tx,
          some.map(({ finding }) => finding),
        )),
    )
  const saved = (some: Sighting[]) => {
    for (const { difference } of some) {
      if (difference === null) continue
      c.tally.differed++
      if (c.tally.differences.length < c.keep) c.tally.differences.push(difference)
    }
  }
  if (sightings.length === 0) return
  if (c.dryRun) return saved(sightings)
  try {
    await save(sightings)
    saved(sightings)
  } catch (error) {
    c.d.log.warn({ err: error, registry: c.host }, 'reconcile: could not save a batch; saving one by one')
    for (const sighting of sightings)
      await guarded(c, async () => {
        await save([sighting])
        saved([sighting])
        return null
      })
  }
}

/** Counts an error and goes on, null in its place: one broken repository must not hide the others. */
export async function guarded<T>(c: Comparing, work: () => Promise<T | null>): Promise<T | null> {
  try {
    return await work()
  } catch (error) {
    c.d.log.warn({ err: error, registry: c.host }, 'reconcile: passed over what could not be compared')
    c.failed = true
    c.tally.errors++
    c.tally.firstError ??= error instanceof Error ? error : new Error(String(error))
    return null
  }
}
