import type { Tx } from '../db/postgres.ts'
import type { Span } from '../lineage/world.ts'
import { tagRef } from '../oci/reference.ts'
import type { Observation } from './save.ts'
import { type TagFact, timeline } from './timeline.ts'

/** What was observed of a tag, or of a whole digest (tag "", a delete), of a repository that is held. */
type Observed = Observation & { repositoryId: number }

/**
 * Appends the facts and folds the timelines they bear on. Answers the refs of tags whose timeline changed, and the digests that fell out of
 * one: no timeline leads from these to the tags that were judged by them.
 */
export async function saveTagFacts(
  tx: Tx,
  observed: readonly Observed[],
): Promise<{ tags: string[]; dropped: string[] }> {
  if (observed.length === 0) return { tags: [], dropped: [] }
  const fresh = await insertFacts(tx, observed)
  const changed: string[] = []
  const dropped: string[] = []
  for (const [repositoryId, { host, repository }] of new Map(observed.map((o) => [o.repositoryId, o]))) {
    const own = fresh.filter((fact) => fact.repositoryId === repositoryId)
    const deleted = own.flatMap((fact) => (fact.tag === '' && fact.digest !== null ? [fact.digest] : []))
    const named = own.flatMap((fact) => (fact.tag === '' ? [] : [fact.tag]))
    const names = new Set([...named, ...(await tagsEverAt(tx, repositoryId, deleted))])
    const moved = names.size === 0 ? [] : await fold(tx, { repositoryId, host, repository }, [...names].sort())
    changed.push(...moved.map(({ name }) => tagRef(host, repository, name)))
    dropped.push(...moved.flatMap((tag) => tag.dropped))
  }
  return { tags: changed, dropped }
}

type Fact = { repositoryId: number; tag: string; digest: string | null }

const insertFacts = (tx: Tx, all: readonly Observed[]): Promise<Fact[]> => tx<Fact[]>`
  insert into tag_fact (repository_id, tag, kind, digest, at, source_id, exact)
  select repository_id, tag, kind::tag_fact_kind, digest, at, source_id, exact
  from unnest(${all.map((o) => o.repositoryId)}::int[], ${all.map((o) => o.tag)}::text[], ${all.map((o) => o.kind)}::text[],
    ${all.map((o) => o.digest)}::text[], ${all.map((o) => o.at.toString())}::bigint[], ${all.map((o) => o.sourceId)}::text[],
    ${all.map((o) => String(o.exact))}::text[]::boolean[]) as o (repository_id, tag, kind, digest, at, source_id, exact)
  on conflict (repository_id, source_id, kind, tag) do nothing
  returning repository_id, tag, digest`

async function tagsEverAt(tx: Tx, repositoryId: number, digests: string[]): Promise<string[]> {
  if (digests.length === 0) return []
  const rows = await tx<{ tag: string }[]>`
    select distinct tag from tag_fact
    where repository_id = ${repositoryId} and tag <> '' and kind = 'push' and digest = any(${digests})`
  return rows.map((row) => row.tag)
}

type Repository = { repositoryId: number; host: string; repository: string }

/** Rewrites spans and heads of these tags from their facts. Answers those that are not as they were. */
async function fold(tx: Tx, repository: Repository, names: string[]): Promise<{ name: string; dropped: string[] }[]> {
  const { repositoryId } = repository
  const facts = Map.groupBy(await factsOf(tx, repositoryId, names), (fact) => fact.tag)
  const before = Map.groupBy(await spansOf(tx, repositoryId, names), (span) => span.tag)
  const changed = names.flatMap((name) => {
    const spans = timeline(facts.get(name) ?? [])
    return same(spans, before.get(name) ?? []) ? [] : [{ name, spans }]
  })
  if (changed.length > 0) await rewrite(tx, repository, changed)
  return changed.map(({ name, spans }) => {
    const kept = new Set(spans.map((span) => span.digest))
    const earlier = (before.get(name) ?? []).map((span) => span.digest)
    return { name, dropped: earlier.filter((digest) => !kept.has(digest)) }
  })
}

const factsOf = (tx: Tx, repositoryId: number, names: string[]) => tx<(TagFact & { tag: string })[]>`
  with own as (
    select tag, kind, digest, at, source_id, exact from tag_fact where repository_id = ${repositoryId} and tag = any(${names})
  )
  select tag, kind, digest, false as whole_digest, at, source_id, exact from own
  union all
  select pushed.tag, gone.kind, gone.digest, true, gone.at, gone.source_id, gone.exact
  from (select distinct tag, digest from own where kind = 'push') pushed
  join tag_fact gone on gone.repository_id = ${repositoryId} and gone.tag = '' and gone.kind = 'delete' and gone.digest = pushed.digest`

const spansOf = (tx: Tx, repositoryId: number, names: string[]) => tx<(Span & { tag: string })[]>`
  select tag.name as tag, span.digest, from_at as "from", to_at as "to", exact from tag join tag_span span on span.tag_id = tag.id
  where tag.repository_id = ${repositoryId} and tag.name = any(${names}) order by tag.name, seq`

type Changed = { name: string; spans: Span[] }

async function rewrite(tx: Tx, { repositoryId, host, repository }: Repository, changed: Changed[]): Promise<void> {
  const heads = changed.map(({ spans }) => (spans.at(-1)?.to === null ? spans.at(-1)! : null))
  const tags = await tx<{ id: number; name: string }[]>`
    insert into tag (repository_id, name, ref, head_digest, head_at)
    select ${repositoryId}, * from unnest(${changed.map(({ name }) => name)}::text[],
      ${changed.map(({ name }) => tagRef(host, repository, name))}::text[], ${heads.map((head) => head?.digest ?? null)}::text[],
      ${heads.map((head) => head?.from.toString() ?? null)}::bigint[])
    on conflict (repository_id, name) do update set head_digest = excluded.head_digest, head_at = excluded.head_at
    returning id, name`
  const ids = new Map(tags.map((tag) => [tag.name, tag.id]))
  const spans = changed.flatMap(({ name, spans: all }) =>
    all.map((span, seq) => ({ ...span, seq, tagId: ids.get(name)! })),
  )
  await tx`delete from tag_span where tag_id = any(${tags.map((tag) => tag.id)})`
  await tx`
    insert into tag_span (tag_id, seq, digest, from_at, to_at, exact)
    select * from unnest(${spans.map((s) => s.tagId)}::int[], ${spans.map((s) => s.seq)}::int[],
      ${spans.map((s) => s.digest)}::text[], ${spans.map((s) => s.from.toString())}::bigint[],
      ${spans.map((s) => s.to?.toString() ?? null)}::bigint[], ${spans.map((s) => String(s.exact))}::text[]::boolean[])`
}

const same = (a: readonly Span[], b: readonly Span[]): boolean =>
  a.length === b.length &&
  a.every((x, i) => {
    const y = b[i]!
    return x.digest === y.digest && x.from === y.from && x.to === y.to && x.exact === y.exact
  })
