import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import type { ObservedDeclaration } from './observe.ts'

/**
 * A child may overtake its base's event: asks for a look at every tag of a configured registry that a new declaration
 * names and whose known history does not hold the declared digest, by itself or inside an index.
 * Key: the ref; a declaration is new once, so that nothing is asked for ever.
 */
export async function lookAtDeclared(
  d: Pick<Deps, 'jobs'>,
  tx: Tx,
  declarations: readonly ObservedDeclaration[],
): Promise<void> {
  const named = declarations.filter((declaration) => declaration.name !== null)
  if (named.length === 0) return
  const missing = await tx<{ ref: string }[]>`
    select distinct said.name as ref
    from unnest(${named.map((n) => n.name)}::text[], ${named.map((n) => n.digest)}::text[]) as said (name, digest)
    where exists (select from registry where starts_with(said.name, registry.name || '/'))
      and not exists (
        select from tag join tag_span span on span.tag_id = tag.id
        where tag.ref = said.name
          and (said.digest is null or span.digest = said.digest or exists (
            select from index_entry entry
            where entry.index_digest = span.digest and entry.manifest_digest = said.digest)))
    order by 1`
  for (const { ref } of missing) await d.jobs.enqueue(tx, 'look', { ref }, { key: `look:${ref}` })
}
