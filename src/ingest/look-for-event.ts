import type { Deps } from '../deps.ts'
import { behindOthers } from '../inbox/priority.ts'
import type { Digest } from '../oci/digest.ts'
import { tagRef } from '../oci/reference.ts'
import type { RegistryClient } from '../registry/registries.ts'
import { seenAt } from './clock-skew.ts'
import { inTransaction } from './in-transaction.ts'
import type { PendingEvent } from './ingest.ts'
import { learn } from './learn.ts'
import { lookAtTag } from './look-at-tag.ts'
import { save } from './save.ts'

type Needs = Pick<Deps, 'sql' | 'jobs' | 'registries' | 'clock'>

/**
 * What an event of action `look` asks for: where its tag is; without one, what its digest is, and (in jobs of their own, as they may be
 * many) where the tags are that are known to be on it. Nothing that the event says of them is taken over, and a tag that is nowhere
 * leaves no trace. Throws what may pass.
 */
export async function lookForEvent(d: Needs, client: RegistryClient, event: PendingEvent): Promise<void> {
  const { registryId, host, repository, tag, digest } = event
  if (tag !== null) return void (await lookAtTag(d, client, { registryId, host, repository, tag }))
  if (digest === null) return
  await lookAtDigest(d, client, event, digest)
  for (const name of await tagsOn(d, event, digest)) {
    const ref = tagRef(host, repository, name)
    await d.jobs.enqueue(d.sql, 'look', { ref }, { key: `look:${ref}`, priority: behindOthers })
  }
}

const tagsOn = async (d: Needs, event: PendingEvent, digest: Digest): Promise<string[]> =>
  (
    await d.sql<{ name: string }[]>`
      select tag.name from tag join repository on repository.id = tag.repository_id
      where repository.registry_id = ${event.registryId} and repository.name = ${event.repository}
        and tag.head_digest = ${digest}
      order by tag.name`
  ).map((row) => row.name)

/** Content that is there is learnt, with the time of the answer: a manifest of an index, or what speaks of another one. */
async function lookAtDigest(d: Needs, client: RegistryClient, event: PendingEvent, digest: Digest): Promise<void> {
  const { registryId, host, repository } = event
  const head = await client.headManifest(repository, digest)
  if (head === null) return
  const learned = await learn(d, client, repository, digest, head.mediaType)
  const { at } = seenAt({ date: head.date, now: d.clock(), since: null })
  const seen = { registryId, host, repository, tag: '', kind: 'push' as const, digest, at }
  await inTransaction(
    d.sql,
    async (tx) => void (await save(d, tx, { ...seen, sourceId: `look:${digest}`, exact: false }, learned)),
  )
}
