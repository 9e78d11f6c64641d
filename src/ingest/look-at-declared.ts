import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import type { ObservedDeclaration } from './observe.ts'

/** `unheard`: its known history does not hold the digest, nor is that known by itself, so that the registry has to be asked. */
type Named = { ref: string; host: string; missing: boolean; unheard: boolean }

/** Seconds after its last asking before new words about a watched tag make it asked again. */
const overtaken = 60

/**
 * A child may overtake its base's event: asks for a look at every tag of a registry of ours that a new declaration names and whose
 * known history does not hold the declared digest, by itself or inside an index. A tag on a registry that sends us nothing is
 * watched from now on. Key: the ref; a declaration is new once, so that nothing is asked for ever.
 */
export async function lookAtDeclared(
  d: Pick<Deps, 'jobs' | 'registries'>,
  tx: Tx,
  declarations: readonly Pick<ObservedDeclaration, 'name' | 'digest'>[],
): Promise<void> {
  const named = declarations.filter((declaration) => declaration.name !== null)
  if (named.length === 0) return
  const asked = await tx<Named[]>`
    select ref, split_part(ref, '/', 1) as host, bool_or(missing) as missing, bool_or(missing and not known) as unheard
    from (
      select said.name as ref, not exists (
        select from tag join tag_span span on span.tag_id = tag.id
        where tag.ref = said.name
          and (said.digest is null or span.digest = said.digest or exists (
            select from index_entry entry
            where entry.index_digest = span.digest and entry.manifest_digest = said.digest))) as missing,
        said.digest is not null and exists (select from manifest where manifest.digest = said.digest) as known
      from unnest(${named.map((n) => n.name)}::text[], ${named.map((n) => n.digest)}::text[]) as said (name, digest)
    ) as asked group by ref order by ref`
  const outside = asked.filter(({ host }) => d.registries.outside(host) !== null)
  const own = asked.filter((tag) => tag.missing && !outside.includes(tag) && d.registries.byName(tag.host) !== null)
  for (const { ref } of own) await d.jobs.enqueue(tx, 'look', { ref }, { key: `look:${ref}` })
  for (const host of outside.length === 0 ? [] : await watchThem(tx, outside))
    await d.jobs.enqueue(tx, 'watch', { host }, { key: `watch:${host}`, queue: `watch:${host}` })
}

/** Rows for tags that have none, due at once (the clock's zero, whatever clock is asked). Answers the hosts where something is due. */
async function watchThem(tx: Tx, tags: Named[]): Promise<string[]> {
  const changed = await tx<{ host: string }[]>`
    insert into watch (ref, host, next_at)
    select ref, host, to_timestamp(0) from unnest(${tags.map((t) => t.ref)}::text[], ${tags.map((t) => t.host)}::text[]) as t (ref, host)
    order by ref on conflict (ref) do nothing returning host`
  const unheard = tags.filter((tag) => tag.unheard).map((tag) => tag.ref)
  const sooner =
    unheard.length === 0
      ? []
      : await tx<{ host: string }[]>`
        update watch set next_at = asked_at + ${overtaken} * interval '1 second'
        where ref = any(${unheard}) and error is null and next_at > asked_at + ${overtaken} * interval '1 second' returning host`
  return [...new Set([...changed, ...sooner].map((row) => row.host))].sort()
}
