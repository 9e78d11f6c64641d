import type { Deps } from '../deps.ts'
import { formatReference, parseReference, type Reference } from '../oci/reference.ts'
import { newerTag } from './newer-tag.ts'
import { isNewer, tagShape } from './tag-shape.ts'

/** Refs: a base of a tag, the newest later release of it within its major version, and of all where that is another one. */
export type NewerBase = { base: string; newer: string | null; newest: string | null }

/** A tag and what it is based on, refs. */
export type WithBases = { ref: string; bases: readonly string[] }

/**
 * For which bases of these tags a newer tag is there: by ref, only those that have one. One statement; it reads the names that begin
 * and end as a base's does, of the repositories that bases with a version are of: floating bases cost nothing.
 */
export async function newerBases(d: Pick<Deps, 'sql'>, tags: readonly WithBases[]): Promise<Map<string, NewerBase[]>> {
  const known = new Set(tags.flatMap((tag) => tag.bases))
  const bases = new Map([...known].flatMap((base) => versioned(base) ?? []).map((base) => [base.base, base]))
  const names = await namesLike(d, [...bases.values()])
  const namesOf = (base: Base) => names.get(repositoryOf(base)) ?? []
  const elsewhere = new Map<string, NewerBase | null>()
  const found = new Map<string, NewerBase[]>()
  for (const { ref, bases: own } of tags) {
    const tag = parseReference(ref)
    const newer = own.toSorted().flatMap((name) => {
      const base = bases.get(name)
      if (!base) return []
      if (tag?.tag && repositoryOf(tag) === repositoryOf(base))
        return newerOf(base, before(tag.tag, namesOf(base))) ?? []
      if (!elsewhere.has(name)) elsewhere.set(name, newerOf(base, namesOf(base)))
      return elsewhere.get(name) ?? []
    })
    if (newer.length > 0) found.set(ref, newer)
  }
  return found
}

type Base = Reference & { base: string; tag: string; prefix: string; suffix: string }

function versioned(base: string): Base | null {
  const reference = parseReference(base)
  const shape = reference?.tag ? tagShape(reference.tag) : null
  if (!reference?.tag || !shape) return null
  return { ...reference, base, tag: reference.tag, prefix: shape.prefix, suffix: shape.suffix }
}

const repositoryOf = ({ host, repository }: Reference): string => `${host}/${repository}`

/** A tag whose base is of its own repository is offered neither itself nor what comes after it: that may be built on it. */
function before(own: string, names: readonly string[]): string[] {
  const shape = tagShape(own)
  return names.filter((name) => {
    const other = tagShape(name)
    return name !== own && !(shape && other && isNewer(shape, other))
  })
}

function newerOf(base: Base, names: readonly string[]): NewerBase | null {
  const found = newerTag(base.tag, names)
  if (!found) return null
  const named = (name: string | null) => (name === null ? null : formatReference({ ...base, tag: name }))
  return { base: base.base, newer: named(found.newer), newest: named(found.newest) }
}

/** The names, by repository: of tags that exist, and of the listing where the registry is outside. */
async function namesLike(d: Pick<Deps, 'sql'>, bases: readonly Base[]): Promise<Map<string, string[]>> {
  if (bases.length === 0) return new Map()
  const escaped = (text: string) => text.replace(/[\\%_]/g, '\\$&')
  const rows = await d.sql<{ repository: string; names: string[] }[]>`
    with asked as (
      select distinct r.id, g.name || '/' || r.name as repository, a.pattern
      from unnest(${bases.map((b) => b.host)}::text[], ${bases.map((b) => b.repository)}::text[],
        ${bases.map((b) => `${escaped(b.prefix)}%${escaped(b.suffix)}`)}::text[]) as a (host, repository, pattern)
      join registry g on g.name = a.host join repository r on r.registry_id = g.id and r.name = a.repository
    ), named as (
      select a.repository, t.name from asked a join tag t on t.repository_id = a.id
      where t.head_digest is not null and t.name like a.pattern
      union
      select a.repository, name from asked a join tag_listing l on l.repository_id = a.id cross join unnest(l.names) name
      where name like a.pattern
    ) select repository, array_agg(name) as names from named group by repository`
  return new Map(rows.map(({ repository, names }) => [repository, names]))
}
