import { randomUUID } from 'node:crypto'
import type { Deps } from '../deps.ts'
import type { RegistryClient } from '../registry/registries.ts'
import { knownHeads } from './known-heads.ts'
import { type Difference, sightTag, type TagName } from './sight-tag.ts'

/** Asks the registry where one tag is, and saves what differs. `known`: false where the tag was never heard of. */
export async function lookAtTag(
  d: Pick<Deps, 'sql' | 'jobs' | 'registries' | 'clock'>,
  client: RegistryClient,
  name: TagName,
): Promise<{ known: boolean; difference: Difference | null }> {
  const known = (await knownHeads(d.sql, name.registryId, name.repository, [name.tag])).get(name.tag) ?? null
  const asking = { sourceId: `look:${randomUUID()}`, dryRun: false, listing: 'not-asked' as const }
  return { known: known !== null, difference: await sightTag(d, client, name, known, asking) }
}
