import type { Tx } from '../db/postgres.ts'
import type { Span } from '../lineage/world.ts'
import { tagRef } from '../oci/reference.ts'
import type { Observation } from './save.ts'
import { type TagFact, timeline } from './timeline.ts'

/** Appends the fact and folds the timelines it bears on. Answers the refs of tags whose timeline changed. */
export async function saveTagFact(tx: Tx, repositoryId: number, o: Observation): Promise<string[]> {
  const inserted = await tx`
    insert into tag_fact (repository_id, tag, kind, digest, at, source_id, exact)
    values (${repositoryId}, ${o.tag}, ${o.kind}::tag_fact_kind, ${o.digest}, ${o.at.toString()}::bigint, ${o.sourceId}, ${o.exact})
    on conflict (repository_id, source_id, kind, tag) do nothing
    returning id`
  if (inserted.length === 0) return []
  const names = o.tag === '' ? await tagsEverAt(tx, repositoryId, o.digest) : [o.tag]
  const changed: string[] = []
  for (const name of names)
    if (await fold(tx, repositoryId, name, tagRef(o.host, o.repository, name)))
      changed.push(tagRef(o.host, o.repository, name))
  return changed
}

async function tagsEverAt(tx: Tx, repositoryId: number, digest: string | null): Promise<string[]> {
  const rows = await tx<{ tag: string }[]>`
    select distinct tag from tag_fact
    where repository_id = ${repositoryId} and tag <> '' and kind = 'push' and digest = ${digest} order by tag`
  return rows.map((row) => row.tag)
}

/** Rewrites a tag's spans and head from its facts; false where they are as they were. */
async function fold(tx: Tx, repositoryId: number, name: string, ref: string): Promise<boolean> {
  const [facts, before] = await Promise.all([
    tx<TagFact[]>`
      select kind, digest, tag = '' as whole_digest, at, source_id, exact from tag_fact
      where repository_id = ${repositoryId} and tag = ${name}
      union all
      select kind, digest, true, at, source_id, exact from tag_fact
      where repository_id = ${repositoryId} and tag = '' and kind = 'delete' and digest in (
        select digest from tag_fact where repository_id = ${repositoryId} and tag = ${name} and kind = 'push')`,
    tx<Span[]>`
      select digest, from_at as "from", to_at as "to", exact from tag_span
      where tag_id = (select id from tag where repository_id = ${repositoryId} and name = ${name}) order by seq`,
  ])
  const spans = timeline(facts)
  if (same(spans, before)) return false
  const last = spans.at(-1)
  const head = last && last.to === null ? last : null
  const [tag] = await tx<{ id: number }[]>`
    insert into tag (repository_id, name, ref, head_digest, head_at)
    values (${repositoryId}, ${name}, ${ref}, ${head?.digest ?? null}, ${head?.from.toString() ?? null}::bigint)
    on conflict (repository_id, name) do update set head_digest = excluded.head_digest, head_at = excluded.head_at
    returning id`
  await tx`delete from tag_span where tag_id = ${tag!.id}`
  await tx`
    insert into tag_span (tag_id, seq, digest, from_at, to_at, exact)
    select ${tag!.id}, (seq - 1)::int, digest, from_at, to_at, exact
    from unnest(${spans.map((s) => s.digest)}::text[], ${spans.map((s) => s.from.toString())}::bigint[],
      ${spans.map((s) => s.to?.toString() ?? null)}::bigint[], ${spans.map((s) => String(s.exact))}::text[]::boolean[])
      with ordinality as s (digest, from_at, to_at, exact, seq)`
  return true
}

const same = (a: readonly Span[], b: readonly Span[]): boolean =>
  a.length === b.length &&
  a.every((x, i) => {
    const y = b[i]!
    return x.digest === y.digest && x.from === y.from && x.to === y.to && x.exact === y.exact
  })
