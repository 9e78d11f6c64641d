import type { Deps } from '../deps.ts'
import { formatReference, parseReference, type Reference } from '../oci/reference.ts'
import { type Newer, newerOf, type Releases, readReleases } from './newer-tag.ts'
import { tagShape } from './tag-shape.ts'

/** Refs: a base of a tag, the newest later release of it within its major version, and of all where that is another one. */
export type NewerBase = { base: string; newer: string | null; newest: string | null }

/** A tag and what it is based on, refs. */
export type WithBases = { ref: string; bases: readonly string[] }

/**
 * For which bases of these tags a newer tag is there: by ref, only those that have one. One statement; it reads the names of a
 * base's form alone, in the repositories that bases with a version are of: floating bases cost nothing.
 */
export async function newerBases(d: Pick<Deps, 'sql'>, tags: readonly WithBases[]): Promise<Map<string, NewerBase[]>> {
  const known = new Set(tags.flatMap((tag) => tag.bases))
  const bases = new Map([...known].flatMap((base) => versioned(base) ?? []).map((base) => [base.base, base]))
  const releases = await releasesLike(d, [...bases.values()])
  const found = new Map<string, NewerBase[]>()
  for (const { ref, bases: own } of tags) {
    const newer = own.toSorted().flatMap((name) => {
      const base = bases.get(name)
      const there = base && releases.get(repositoryOf(base))
      return there ? (show(base, newerOf(base.tag, there, tagWithin(repositoryOf(base), ref))) ?? []) : []
    })
    if (newer.length > 0) found.set(ref, newer)
  }
  return found
}

/** A tag whose base is of its own repository is offered neither itself nor what comes after it: that may be built on it. */
const tagWithin = (repository: string, ref: string): string | null =>
  ref.startsWith(`${repository}:`) ? ref.slice(repository.length + 1) : null

type Base = Reference & { base: string; tag: string; pattern: string }

function versioned(base: string): Base | null {
  const reference = parseReference(base)
  const shape = reference?.tag ? tagShape(reference.tag) : null
  if (!reference?.tag || !shape) return null
  return { ...reference, base, tag: reference.tag, pattern: shape.pattern }
}

const repositoryOf = ({ host, repository }: Reference): string => `${host}/${repository}`

function show(base: Base, found: Newer | null): NewerBase | null {
  if (!found) return null
  const named = (name: string | null) => (name === null ? null : formatReference({ ...base, tag: name }))
  return { base: base.base, newer: named(found.newer), newest: named(found.newest) }
}

/** The names, by repository: of tags that exist, and of the listing where the registry is outside. */
async function releasesLike(d: Pick<Deps, 'sql'>, bases: readonly Base[]): Promise<Map<string, Releases>> {
  if (bases.length === 0) return new Map()
  const rows = await d.sql<{ repository: string; names: string[] }[]>`
    with asked as (
      select distinct r.id, g.name || '/' || r.name as repository, a.pattern
      from unnest(${bases.map((b) => b.host)}::text[], ${bases.map((b) => b.repository)}::text[],
        ${bases.map((b) => b.pattern)}::text[]) as a (host, repository, pattern)
      join registry g on g.name = a.host join repository r on r.registry_id = g.id and r.name = a.repository
    ), named as (
      select a.repository, t.name from asked a join tag t on t.repository_id = a.id
      where t.head_digest is not null and t.name ~ a.pattern
      union all
      select a.repository, name from asked a join tag_listing l on l.repository_id = a.id cross join unnest(l.names) name
      where name ~ a.pattern
    ) select repository, array_agg(name) as names from named group by repository`
  return new Map(rows.map(({ repository, names }) => [repository, readReleases(names)]))
}
