import type { Tx } from '../db/postgres.ts'
import type { Span } from '../lineage/world.ts'
import type { Instant } from '../oci/instant.ts'
import { tagRef } from '../oci/reference.ts'
import type { Observation } from './save.ts'
import { type TagFact, timeline } from './timeline.ts'

/** What was observed of a tag, or of a whole digest (tag "", a delete), of a repository that is held. */
type Observed = Observation & { repositoryId: number }

/**
 * Appends the facts and folds the timelines they bear on, and those of `refold`. Answers the refs of tags whose timeline changed; the
 * digests that fell out of one: no timeline leads from these to the tags that were judged by them; and the refs of tags about which events
 * say what is hidden by a change that is yet to come: only the registry knows where these are.
 */
export async function saveTagFacts(
  tx: Tx,
  observed: readonly Observed[],
  { refold, now }: { refold: readonly (Repository & { tag: string })[]; now: Instant },
): Promise<{ tags: string[]; dropped: string[]; overtaken: string[] }> {
  const fresh = observed.length === 0 ? [] : await insertFacts(tx, observed)
  const changed: string[] = []
  const dropped: string[] = []
  const overtaken: string[] = []
  for (const [repositoryId, at] of new Map([...observed, ...refold].map((one) => [one.repositoryId, one]))) {
    const { host, repository } = at
    const own = fresh.filter((fact) => fact.repositoryId === repositoryId)
    const deleted = own.flatMap((fact) => (fact.tag === '' && fact.digest !== null ? [fact.digest] : []))
    const named = own.flatMap((fact) => (fact.tag === '' ? [] : [fact.tag]))
    const back = refold.flatMap((one) => (one.repositoryId === repositoryId ? [one.tag] : []))
    const names = new Set([...named, ...back, ...(await tagsEverAt(tx, repositoryId, deleted))])
    if (names.size === 0) continue
    const { moved, last } = await fold(tx, { repositoryId, host, repository }, [...names].sort())
    changed.push(...moved.map(({ name }) => tagRef(host, repository, name)))
    dropped.push(...moved.flatMap((tag) => tag.dropped))
    for (const [name, change] of last)
      if (change > now && own.some((fact) => fact.exact && fact.at < change && (fact.tag === name || fact.tag === '')))
        overtaken.push(tagRef(host, repository, name))
  }
  return { tags: changed, dropped, overtaken: overtaken.sort() }
}

type Fact = { repositoryId: number; tag: string; digest: string | null; at: Instant; exact: boolean }

const insertFacts = (tx: Tx, all: readonly Observed[]): Promise<Fact[]> => tx<Fact[]>`
  insert into tag_fact (repository_id, tag, kind, digest, at, source_id, exact)
  select repository_id, tag, kind::tag_fact_kind, digest, at, source_id, exact
  from unnest(${all.map((o) => o.repositoryId)}::int[], ${all.map((o) => o.tag)}::text[], ${all.map((o) => o.kind)}::text[],
    ${all.map((o) => o.digest)}::text[], ${all.map((o) => o.at.toString())}::bigint[], ${all.map((o) => o.sourceId)}::text[],
    ${all.map((o) => String(o.exact))}::text[]::boolean[]) as o (repository_id, tag, kind, digest, at, source_id, exact)
  on conflict (repository_id, source_id, kind, tag) do nothing
  returning repository_id, tag, digest, at, exact`

async function tagsEverAt(tx: Tx, repositoryId: number, digests: string[]): Promise<string[]> {
  if (digests.length === 0) return []
  const rows = await tx<{ tag: string }[]>`
    select distinct tag from tag_fact
    where repository_id = ${repositoryId} and tag <> '' and kind = 'push' and digest = any(${digests})`
  return rows.map((row) => row.tag)
}

type Repository = { repositoryId: number; host: string; repository: string }

/** `moved`: tags that are not as they were. `last`: the latest change of each. */
type Folded = { moved: { name: string; dropped: string[] }[]; last: Map<string, Instant> }

/** Rewrites spans and heads of these tags from their facts. */
async function fold(tx: Tx, repository: Repository, names: string[]): Promise<Folded> {
  const { repositoryId } = repository
  const facts = Map.groupBy(await factsOf(tx, repositoryId, names), (fact) => fact.tag)
  const before = Map.groupBy(await spansOf(tx, repositoryId, names), (span) => span.tag)
  const folded = names.map((name) => ({ name, spans: timeline(facts.get(name) ?? []) }))
  const changed = folded.filter(({ name, spans }) => !same(spans, before.get(name) ?? []))
  if (changed.length > 0) await rewrite(tx, repository, changed)
  const moved = changed.map(({ name, spans }) => {
    const kept = new Set(spans.map((span) => span.digest))
    const earlier = (before.get(name) ?? []).map((span) => span.digest)
    return { name, dropped: earlier.filter((digest) => !kept.has(digest)) }
  })
  const last = folded.flatMap(({ name, spans }): [string, Instant][] => {
    const latest = spans.at(-1)
    return latest ? [[name, latest.to ?? latest.from]] : []
  })
  return { moved, last: new Map(last) }
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
