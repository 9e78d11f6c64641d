import type { Deps } from '../deps.ts'
import { chainIds } from '../oci/chain-id.ts'
import type { Platform } from '../oci/platform.ts'
import { BuildError } from './build-error.ts'
import type { RebaseBase } from './rebase-base.ts'

/**
 * The manifest (or index) of the base that a child's content begins with: what the verdict says, where that is a prefix of the child;
 * else the longest such content among all that the base's name ever pointed at, the latest first.
 * `baseLayers`: how many the base has now, for the message. Error: `not-a-prefix`.
 */
export async function oldBaseDigest(
  d: Pick<Deps, 'sql'>,
  child: { platform: Platform; diffIds: readonly string[] },
  base: RebaseBase,
  baseLayers: number,
): Promise<string> {
  const [found] = await d.sql<{ digest: string }[]>`
    with at as (
      select span.digest as head, span.digest as manifest, span.from_at
      from tag_span span join tag on tag.id = span.tag_id where tag.ref = ${base.name}
      union all
      select span.digest, entry.manifest_digest, span.from_at
      from tag_span span join tag on tag.id = span.tag_id join index_entry entry on entry.index_digest = span.digest
      where tag.ref = ${base.name} and not entry.attestation
      union all
      select ${base.oldDigest}::text, ${base.oldDigest}::text, null where ${base.oldDigest}::text is not null
      union all
      select ${base.oldDigest}::text, entry.manifest_digest, null from index_entry entry
      where entry.index_digest = ${base.oldDigest} and not entry.attestation
    )
    select at.head as digest
    from at join manifest m on m.digest = at.manifest and m.kind = 'image' and m.layer_count > 0
    where m.platform = ${child.platform} and m.last_chain = any(${chainIds(child.diffIds)}::uuid[])
    order by at.head = ${base.oldDigest} desc nulls last, m.layer_count desc, at.from_at desc nulls last
    limit 1`
  if (!found) {
    const more = baseLayers > child.diffIds.length ? ': a base with more layers than its child' : ''
    const counts = `${base.name} has ${baseLayers} layers, the child ${child.diffIds.length}${more}`
    throw new BuildError('not-a-prefix', `it is built on nothing that its base ever was (${counts})`)
  }
  return found.digest
}
