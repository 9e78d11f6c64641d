import type { Instant } from '../oci/instant.ts'
import type { Platform } from '../oci/platform.ts'
import { ancestorLevels, type Level, membersOf } from './ancestors.ts'
import { firstPush, type ManifestFacts, sameRelease } from './content.ts'
import { headOf, type Span, type TagTimeline, type World } from './world.ts'

/** A name that may have been the base: it was at `u` (in `span`), and still exists. */
export type Candidate = { tag: TagTimeline; u: ManifestFacts; span: Span; content: ManifestFacts[] }

/**
 * named: the nearest ancestor that has a name. none: current with no bases. unnamed: it has a base, but nobody's name for it.
 * `reach`: layers of the farthest base that was asked for its names; those with fewer had no say.
 */
export type Inferred = { reach: number } & (
  | { kind: 'named'; candidates: Candidate[] }
  | { kind: 'none' }
  | { kind: 'unnamed' }
)

/** The names of M's base as layers and times alone suggest them, for a tag T that points at M. */
export const inferNames = (world: World, t: TagTimeline, m: ManifestFacts): Inferred =>
  namesOf(world, t, m, ancestorLevels(world, m))

/** The names at a bare digest's content U, and where those are gone, at U's own ancestors'. */
export const inferNamesAt = (world: World, t: TagTimeline, m: ManifestFacts, u: ManifestFacts): Inferred =>
  namesOf(world, t, m, [[membersOf(world, u)], ...ancestorLevels(world, u)])

function namesOf(world: World, t: TagTimeline, m: ManifestFacts, levels: Level[]): Inferred {
  let own = false
  for (const level of levels) {
    const candidates = candidatesAt(world, t, m, level)
    const existing = candidates.filter((c) => headOf(c.tag) !== null)
    if (existing.length > 0)
      return {
        kind: 'named',
        reach: level[0]![0]!.layerCount,
        candidates: existing.sort((a, b) => (a.tag.ref < b.tag.ref ? -1 : 1)),
      }
    own ||= level.some((content) => content.some((b) => world.tagsEverAt(b.digest).includes(t)))
  }
  return { kind: own || levels.length === 0 ? 'none' : 'unnamed', reach: 0 }
}

type Stay = { tag: TagTimeline; span: Span; u: ManifestFacts; from: Instant | null; content: ManifestFacts[] }

/**
 * Tags other than T that were at one of these contents between T's build and its first push; if none, those that left last
 * before; if none, those that came first after. Deleted ones included: the caller passes on where none still exists.
 */
function candidatesAt(world: World, t: TagTimeline, m: ManifestFacts, contents: Level): Candidate[] {
  const stays = contents.flatMap((content) => staysAt(world, t, m.platform, content))
  const pushed = firstPush(m)
  if (pushed === null) return latestEach(stays)
  const starts = new Map(contents.map((content) => [content, windowStart(m, content, pushed)]))
  const start = (s: Stay) => starts.get(s.content)!
  const within = stays.filter(
    (s) => (s.from === null || s.from <= pushed) && (s.span.to === null || s.span.to > start(s)),
  )
  if (within.length > 0) return latestEach(within)
  const before = stays.filter((s) => s.span.to !== null && s.span.to <= start(s))
  const leftLast = greatest(before.map((s) => s.span.to!))
  if (leftLast !== null) return latestEach(before.filter((s) => s.span.to === leftLast))
  const cameFirst = greatest(stays.map((s) => -s.from!))
  return latestEach(stays.filter((s) => -s.from! === cameFirst))
}

/** T's config `created` where it lies between the content's first push and T's, else T's first push itself. */
function windowStart(m: ManifestFacts, content: ManifestFacts[], pushed: Instant): Instant {
  const firsts = content.map(firstPush)
  const contentFirst = firsts.includes(null) ? null : firsts.reduce((a, b) => (a! < b! ? a : b))!
  const plausible =
    m.createdAt !== null && m.createdAt <= pushed && (contentFirst === null || contentFirst <= m.createdAt)
  return plausible ? m.createdAt! : pushed
}

/** Every stay of another tag at this content. The first stay of a tag that was found, not pushed, began "ever before" (null). */
function staysAt(world: World, t: TagTimeline, platform: Platform | null, content: ManifestFacts[]): Stay[] {
  const tags = new Set(content.flatMap((b) => world.tagsEverAt(b.digest)))
  tags.delete(t)
  return [...tags]
    .filter((tag) => !tag.helper)
    .flatMap((tag) =>
      tag.spans.flatMap((span, i) => {
        const u = memberAt(world, span.digest, content, platform)
        return u ? [{ tag, span, u, from: i === 0 && !span.exact ? null : span.from, content }] : []
      }),
    )
}

/** Which of a content's manifests a tag head holds, T's own platform first. */
export function memberAt(
  world: World,
  head: string,
  content: ManifestFacts[],
  platform: Platform | null,
): ManifestFacts | null {
  const held = new Set([head, ...world.entries(head).map((entry) => entry.manifestDigest)])
  const members = content.filter((b) => held.has(b.digest))
  return members.find((b) => b.platform === platform) ?? members[0] ?? null
}

function latestEach(stays: Stay[]): Candidate[] {
  const latest = new Map<TagTimeline, Stay>()
  for (const stay of stays) {
    const known = latest.get(stay.tag)
    if (!known || stay.span.from > known.span.from) latest.set(stay.tag, stay)
  }
  return [...latest.values()].map(({ tag, span, u, content }) => ({ tag, span, u, content }))
}

const greatest = (times: Instant[]): Instant | null =>
  times.reduce<Instant | null>((a, b) => (a === null || b > a ? b : a), null)

/** Names, other than T's, whose head is still at this content in the same release as U, in sort order. */
export function stillAt(world: World, t: TagTimeline, c: Candidate, platform: Platform): string[] {
  const tags = new Set(c.content.flatMap((b) => world.tagsEverAt(b.digest)))
  return [...tags]
    .filter((tag) => {
      const head = headOf(tag)
      const member = head && tag !== t && !tag.helper ? memberAt(world, head.digest, c.content, platform) : null
      return member !== null && sameRelease(member, c.u)
    })
    .map((tag) => tag.ref)
    .sort()
}
