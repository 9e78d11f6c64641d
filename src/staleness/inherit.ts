import type { StoredCause } from '../lineage/world.ts'
import type { Platform } from '../oci/platform.ts'
import type { Findings, Link, PlatformCause } from './verdict.ts'

/** One tag in the fixed point: what it found by itself, platform by platform. */
export type Judged = { ref: string; findings: Findings[]; countsBuild: boolean }

/** Causes of a tag on one of its platforms: its own, and those it inherits. */
export type CausesOf = (ref: string, platform: Platform) => PlatformCause[]

type Key = string
type Carried = Pick<PlatformCause, 'base' | 'from' | 'to' | 'leftAt'>

/**
 * The least fixed point of inheritance: a base that has not moved but is itself outdated by a root makes T outdated by that
 * root. Works outwards from the direct causes, so that cycles end and a cause that only a cycle holds up never arises. T is never the root of its own cause. `stored`: counted causes of tags outside the set, already judged.
 */
export function inherit(judged: Judged[], stored: (ref: string) => StoredCause[]): CausesOf {
  const causes = new Map<Key, Map<Key, PlatformCause>>()
  const inSet = new Map(judged.map((tag) => [tag.ref, tag]))
  const heirs = new Map<Key, { tag: Judged; at: Findings; link: Link }[]>()
  for (const tag of judged)
    for (const at of tag.findings) {
      const own = new Map(at.direct.map((cause) => [causeKey(cause), cause]))
      causes.set(keyOf(tag.ref, at.platform), own)
      for (const link of at.links) {
        const key = keyOf(link.ref, link.platform)
        heirs.set(key, [...(heirs.get(key) ?? []), { tag, at, link }])
      }
    }
  const carriedBy = (key: Key): Carried[] => {
    const [ref, platform] = splitKey(key)
    const tag = inSet.get(ref)
    if (!tag) return stored(ref).flatMap((cause) => ofPlatform(cause, platform))
    return [...(causes.get(key)?.values() ?? [])].filter((cause) => counts(tag, cause))
  }
  let round = [...heirs.keys()]
  while (round.length > 0) {
    const grown = new Set<Key>()
    for (const key of round)
      for (const root of carriedBy(key))
        for (const { tag, at, link } of heirs.get(key) ?? []) {
          if (root.base === tag.ref) continue
          const own = causes.get(keyOf(tag.ref, at.platform))!
          const known = own.get(`${root.base} ${link.role}`)
          const next = merge(known, inherited(link, root))
          if (next === known) continue
          own.set(`${root.base} ${link.role}`, next)
          grown.add(keyOf(tag.ref, at.platform))
        }
    round = [...grown].filter((key) => heirs.has(key))
  }
  const causesOf: CausesOf = (ref, platform) => [...(causes.get(keyOf(ref, platform))?.values() ?? [])]
  const hasRoot = (link: Link, base: string) =>
    carriedBy(keyOf(link.ref, link.platform)).some((root) => root.base === base)
  for (const tag of judged)
    for (const at of tag.findings) ambiguate(causes.get(keyOf(tag.ref, at.platform))!, at.links, hasRoot)
  return causesOf
}

/**
 * One cause a root and role: a direct one stays, else the smallest `via`; where several ways lead from the root, the earliest
 * leaving (then the smallest digest). Both only ever get smaller, so the order of arrival does not matter.
 */
function merge(known: PlatformCause | undefined, next: PlatformCause): PlatformCause {
  if (!known) return next
  if (known.via === null) return known
  const nearer = next.via! < known.via
  const earlier = next.leftAt < known.leftAt || (next.leftAt === known.leftAt && (next.from ?? '') < (known.from ?? ''))
  if (!nearer && !earlier) return known
  return { ...(nearer ? next : known), ...(earlier ? pick(next) : pick(known)) }
}

const pick = ({ from, leftAt }: PlatformCause) => ({ from, leftAt })

const keyOf = (ref: string, platform: Platform): Key => `${ref} ${platform}`
/** At the first space: a ref has none, a platform may be anything. */
const splitKey = (key: Key): [string, Platform] => {
  const at = key.indexOf(' ')
  return [key.slice(0, at), key.slice(at + 1) as Platform]
}
const causeKey = (cause: PlatformCause): Key => `${cause.base} ${cause.role}`

/** Runtime causes count, build causes where the tag's recipe says `on: all`. */
export const counts = (tag: { countsBuild: boolean }, cause: { role: PlatformCause['role'] }): boolean =>
  cause.role === 'runtime' || (cause.role === 'build' && tag.countsBuild)

const inherited = (link: Link, root: Carried): PlatformCause => ({
  base: root.base,
  role: link.role,
  evidence: link.evidence,
  confidence: link.confidence === 'ambiguous' ? 'inferred' : link.confidence,
  pinned: link.pinned,
  stillAt: [],
  from: root.from,
  to: root.to,
  leftAt: root.leftAt,
  via: link.ref,
})

function ofPlatform(cause: StoredCause, platform: Platform): Carried[] {
  const at = cause.detail.find((d) => d.platform === platform)
  return at ? [{ base: cause.base, to: cause.toDigest, from: at.from, leftAt: at.leftAt }] : []
}

/** An inherited cause is ambiguous where another candidate of the same link, still at that content, is free of the root. */
function ambiguate(own: Map<Key, PlatformCause>, links: Link[], hasRoot: (link: Link, base: string) => boolean): void {
  const rivals = links.filter((link) => link.role === 'runtime' && link.confidence === 'ambiguous')
  for (const [key, cause] of own) {
    if (cause.via === null || cause.confidence === 'declared') continue
    const free = rivals.filter((link) => !hasRoot(link, cause.base))
    if (free.length > 0)
      own.set(key, { ...cause, confidence: 'ambiguous', stillAt: free.map((link) => link.ref).sort() })
  }
}
