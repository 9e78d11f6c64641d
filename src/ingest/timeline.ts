/*
 * In: everything observed of one tag, in any order, any of it any number of times.
 * Out: its timeline: at which digest it was, from when until when.
 * Guarantees: a function of the set of facts; spans do not overlap, and neighbours differ in digest or have a gap.
 */
import type { Span } from '../lineage/world.ts'
import type { Instant } from '../oci/instant.ts'

/**
 * push: the tag was at `digest`. delete: the tag went, or with `wholeDigest` every tag of its repository on `digest` did.
 * `exact` false: found so at `at` by asking the registry; it happened no later. `sourceId` breaks ties of `at`.
 */
export type TagFact = {
  kind: 'push' | 'delete'
  digest: string | null
  wholeDigest: boolean
  at: Instant
  sourceId: string
  exact: boolean
}

/** An HTTP `Date` is cut to the second: what was found at `at` was so until up to a second later. */
const dateResolution: Instant = 1_000_000_000n

export function timeline(facts: readonly TagFact[]): Span[] {
  const spans: Span[] = []
  for (const fact of [...withoutEchoes(facts)].sort(byTime)) {
    const last = spans.at(-1)
    const current = last && last.to === null ? last : null
    if (fact.kind === 'delete') {
      const hit = !fact.wholeDigest || fact.digest === current?.digest
      if (current && hit) current.to = fact.at
    } else if (fact.digest !== null && fact.digest !== current?.digest) {
      if (current) current.to = fact.at
      spans.push({ digest: fact.digest, from: fact.at, to: null, exact: fact.exact })
    }
  }
  return joined(spans.filter((span) => span.to !== span.from))
}

/** Where a stay of no length fell out, the stays on its two sides may be one. */
function joined(spans: Span[]): Span[] {
  const whole: Span[] = []
  for (const span of spans) {
    const last = whole.at(-1)
    if (last && last.to === span.from && last.digest === span.digest) last.to = span.to
    else whole.push(span)
  }
  return whole
}

/** The newest by the registry's time wins, equal times by source id; a delete at the very time of a push by the same source last. */
const byTime = (a: TagFact, b: TagFact): number =>
  compare(a.at, b.at) || compare(a.sourceId, b.sourceId) || compare(b.kind, a.kind)

const compare = <T>(a: T, b: T): number => (a < b ? -1 : a > b ? 1 : 0)

/**
 * A push found by asking, less than a second before a push event of the same digest, is that push: the `Date` was cut.
 * The event's time is the better one.
 */
function withoutEchoes(facts: readonly TagFact[]): TagFact[] {
  const events = facts.filter((fact) => fact.exact && fact.kind === 'push')
  const isEcho = (fact: TagFact) =>
    !fact.exact &&
    fact.kind === 'push' &&
    events.some((e) => e.digest === fact.digest && e.at >= fact.at && e.at < fact.at + dateResolution)
  return facts.filter((fact) => !isEcho(fact))
}
