/**
 * in: the existing tags of one repository, and the policy that decides there.
 * out: for each of them by which rule it does not matter, or null.
 * guarantees: pure; the order of the tags does not matter. Without `keepNewest` each tag is decided by its name alone.
 */
import type { Instant } from '../oci/instant.ts'
import { immutability } from './immutable-tag.ts'
import { globMatcher } from './tag-globs.ts'
import type { Ignored, TagPolicy } from './tag-policy.ts'
import { compareShapes, type TagShape, tagShape } from './tag-shape.ts'

/** `headAt`: when it was pushed, registry ns. */
export type CuratedTag = { name: string; headAt: Instant }

/** The rules in their order: include, exclude, immutable, keepNewest. What one has ignored the next does not see, nor count. */
export function curateTags(
  tags: readonly CuratedTag[],
  { scope, ...policy }: TagPolicy & { scope: string },
): Map<string, Ignored | null> {
  const byName = nameRules(policy)
  const found = new Map(tags.map(({ name }) => [name, byName(name)]))
  const left = tags.filter(({ name }) => found.get(name) === null)
  for (const name of beyondNewest(left, policy))
    found.set(name, { rule: 'keepNewest', detail: `not of the ${policy.keepNewest} newest by ${policy.keepBy}` })
  return new Map([...found].map(([name, rule]) => [name, rule === null ? null : { ...rule, scope }]))
}

type Rule = Omit<Ignored, 'scope'>

function nameRules(policy: TagPolicy): (name: string) => Rule | null {
  const included = globMatcher(policy.include)
  const excluded = globMatcher(policy.exclude)
  const immutable = immutability(policy.immutable)
  return (name) => {
    if (policy.include.length > 0 && included(name) === null)
      return { rule: 'include', detail: `none of ${policy.include.join(', ')}` }
    const pattern = excluded(name)
    if (pattern !== null) return { rule: 'exclude', detail: pattern }
    const why = policy.ignoreImmutable ? immutable(name) : null
    return why === null ? null : { rule: 'immutable', detail: why }
  }
}

/** Names of the tags that are not among the newest. Floating ones are none of them, and do not count. */
function beyondNewest(tags: readonly CuratedTag[], policy: TagPolicy): string[] {
  const most = policy.keepNewest
  if (most === null) return []
  if (policy.keepBy === 'version') return [...familiesOf(tags)].flatMap((family) => namesOf(family.slice(most)))
  const immutable = immutability(policy.immutable)
  const counted = tags.filter(({ name }) => tagShape(name) !== null || immutable(name) !== null)
  return namesOf(counted.sort((a, b) => compare(b.headAt, a.headAt) || compare(a.name, b.name)).slice(most))
}

/** The versions of each family, the newest first; pre-releases apart, so that they crowd out no release. */
function familiesOf(tags: readonly CuratedTag[]): Iterable<{ name: string; shape: TagShape }[]> {
  const shaped = tags.flatMap(({ name }) => {
    const shape = tagShape(name)
    return shape ? [{ name, shape }] : []
  })
  shaped.sort((a, b) => compareShapes(b.shape, a.shape) || compare(a.name, b.name))
  return Map.groupBy(shaped, ({ shape }) => `${shape.pre === null} ${shape.family}`).values()
}

const namesOf = (tags: readonly { name: string }[]): string[] => tags.map(({ name }) => name)
const compare = <T>(a: T, b: T): number => (a < b ? -1 : a > b ? 1 : 0)
