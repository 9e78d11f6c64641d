import type { Deps } from '../deps.ts'
import type { Digest } from '../oci/digest.ts'
import { instantOf } from '../oci/instant.ts'
import { tagRef } from '../oci/reference.ts'
import type { RegistryClient } from '../registry/registries.ts'
import { inTransaction } from './in-transaction.ts'
import { learn } from './learn.ts'
import { save } from './save.ts'
import type { TagName } from './sight-tag.ts'

/**
 * Learns the content of the digests that declarations name together with a tag. A digest the registry does not have is stored as
 * absent, so that it is not asked for again.
 */
export async function learnDeclared(
  d: Pick<Deps, 'sql' | 'jobs' | 'clock' | 'registries'>,
  client: RegistryClient,
  name: TagName,
): Promise<void> {
  const wanted = await d.sql<{ digest: Digest }[]>`
    select distinct digest from declaration
    where name = ${tagRef(name.host, name.repository, name.tag)} and digest is not null
      and not exists (select from manifest where manifest.digest = declaration.digest)`
  for (const { digest } of wanted) {
    const learned = await learn(d, client, name.repository, digest, '')
    const there = learned.manifests.every((manifest) => manifest.digest !== digest || manifest.fault !== 'not-found')
    const seen = {
      ...name,
      tag: '',
      kind: 'push' as const,
      digest,
      at: instantOf(d.clock()),
      sourceId: `look:${digest}`,
      exact: false,
    }
    await inTransaction(d.sql, async (tx) => void (await save(d, tx, there ? seen : null, learned)))
  }
}
