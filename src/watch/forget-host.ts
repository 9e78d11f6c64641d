import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { markDirty } from '../ingest/save.ts'

/**
 * A host that may not be asked any more (DRYDOCK_WATCH changed, or it turned out to be another name of a registry): what is known of
 * its tags would never change again, and must judge nobody. Content stays; it belongs to its digest. A registry that sends us events
 * is left alone, and of one that did once, and is watched no more, nothing is forgotten: it is as any that is configured no more.
 */
export async function forgetHost(d: Pick<Deps, 'jobs'>, tx: Tx, host: string): Promise<void> {
  await tx`delete from watch where host = ${host}`
  await tx`update registry set outside = false, paused_until = null, spent_until = null where name = ${host} and outside and gone`
  const [registry] = await tx<{ id: number }[]>`select id from registry where name = ${host} and outside for update`
  if (!registry) return
  const ours = tx`repository_id in (select id from repository where registry_id = ${registry.id})`
  // what they were at: those based on it find their names anew, and no timeline leads there any more
  const held = await tx<{ digest: string }[]>`
    select distinct span.digest from tag_span span join tag on tag.id = span.tag_id where ${ours}`
  const tags = await tx<{ ref: string }[]>`delete from tag where ${ours} returning ref`
  await tx`delete from tag_fact where ${ours}`
  await tx`delete from tag_listing where ${ours}`
  await tx`delete from repository where registry_id = ${registry.id}`
  await tx`delete from registry where id = ${registry.id} and not exists (select from event where registry_id = ${registry.id})`
  await markDirty(d, tx, { tags: tags.map((tag) => tag.ref), manifests: held.map((span) => span.digest) })
}
