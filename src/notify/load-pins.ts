import type { Deps } from '../deps.ts'
import type { Pin } from './digest-outline.ts'

type Row = { ref: string; line: number | null; file: string | null; url: string; commit: string | null }

/**
 * Where the FROMs stand that name a digest. Of a tag with a recipe as its Dockerfile was read last, with the line; else from where
 * provenance or annotations say that it was built. Tags of which nothing is known have no entry.
 */
export async function loadPins({ sql }: Pick<Deps, 'sql'>, refs: readonly string[]): Promise<Map<string, Pin[]>> {
  if (refs.length === 0) return new Map()
  const rows = await sql<Row[]>`
    select recipe.ref, (pin ->> 'line')::int as line, recipe.spec ->> 'dockerfile' as file, recipe.spec #>> '{git,url}' as url,
      recipe.reading ->> 'commit' as commit
    from recipe cross join lateral jsonb_array_elements(coalesce(recipe.reading -> 'pins', '[]')) as pin
    where recipe.ref = any(${[...refs]}) and recipe.spec #>> '{git,url}' is not null
    union all
    select recipe.ref, null, recipe.spec ->> 'dockerfile', recipe.spec #>> '{git,url}',
      (select b.commit from build b join tag t on t.ref = b.ref and t.head_digest = b.digest where b.ref = recipe.ref order by b.created_at desc limit 1)
    from recipe where recipe.ref = any(${[...refs]}) and recipe.spec #>> '{git,url}' is not null and recipe.reading -> 'pins' -> 0 is null
    union all
    select distinct on (t.ref) t.ref, null, o.dockerfile, o.url, o.revision
    from tag t cross join lateral (
      select t.head_digest as digest union select manifest_digest from index_entry where index_digest = t.head_digest
    ) as content join origin o on o.subject = content.digest and o.evidence in ('provenance', 'annotation')
    where t.ref = any(${[...refs]})
      and not exists (select from recipe where recipe.ref = t.ref and recipe.spec #>> '{git,url}' is not null)
    order by ref, line`
  const pins = Map.groupBy(rows, ({ ref }) => ref)
  return new Map(
    [...pins].map(([ref, found]) => [
      ref,
      found.map(({ line, file, url, commit }) => ({
        line,
        file: file ?? 'Dockerfile',
        source: commit === null ? url : `${url}#${commit.slice(0, 12)}`,
      })),
    ]),
  )
}
