import type { BaseRole, EvidenceKind } from '../lineage/world.ts'
import type { Instant } from '../oci/instant.ts'
import type { Platform } from '../oci/platform.ts'

export type Confidence = 'declared' | 'inferred' | 'ambiguous'

/** Why a base, or a tag, could not be judged. "Absent" and "could not ask" are never the same value. */
export type UnknownReason =
  | 'base-absent' //      the declared name was deleted, or its registry says there is none
  | 'platform-absent' //  the base has no manifest for this platform any more
  | 'base-unreachable' // a registry nobody configured, or what the base points at could not be fetched
  | 'base-unnamed' //     based on something no existing tag names
  | 'digest-unknown' //   declared by name only, and nobody saw what it pointed at then
  | 'unresolved-arg' //   FROM $X without a value
  | 'unreadable' //       the tag's own manifest or config for this platform could not be had

export type Because = { reason: UnknownReason; base: string | null; platform: Platform }

/** A base of one platform as shown: the name, the digest T is based on, how it is known. */
export type BaseRow = {
  ref: string | null
  digest: string | null
  role: BaseRole
  evidence: EvidenceKind[]
  confidence: Confidence
  pinned: boolean
}

/** A base that has not moved for T, at which T inherits what makes the base itself outdated. `platform`: the base's. */
export type Link = Omit<BaseRow, 'ref'> & { ref: string; platform: Platform }

/** One reason why one platform is outdated. `via` null: the base itself moved. `leftAt`: when the root left what T has. */
export type PlatformCause = {
  base: string
  role: BaseRole
  evidence: EvidenceKind[]
  confidence: Confidence
  pinned: boolean
  stillAt: string[]
  from: string | null
  to: string
  leftAt: Instant
  via: string | null
}

/** What weaker evidence, or layers alone, would have said besides. Shown, never a cause. */
export type Disagreement = { platform: Platform; base: string | null; evidence: EvidenceKind[] }

/**
 * What can be said of one platform of T without looking at its bases' own verdicts. `reach`: layers of the farthest base that layers
 * alone were asked about; what happens to bases with fewer changes nothing here, unless it is declared.
 */
export type Findings = {
  reach: number
  platform: Platform
  digest: string
  bases: BaseRow[]
  links: Link[]
  direct: PlatformCause[]
  unknown: { because: Because; role: BaseRole }[]
  disagreements: Disagreement[]
}

export type Status = 'current' | 'outdated' | 'unknown' | 'artifact'

/** One cause of a tag over all its platforms. `since`: the registry time at which the present stretch began. */
export type Cause = Omit<PlatformCause, 'leftAt'> & {
  platforms: Platform[]
  counted: boolean
  since: Instant
  detail: { platform: Platform; from: string | null; leftAt: Instant }[]
}

/** The verdict on a tag's present head. `outdatedSince`: earliest over counted causes. */
export type Verdict = {
  ref: string
  digest: string
  status: Status
  because: Because[]
  platforms: { platform: Platform; digest: string; status: Status; bases: BaseRow[] }[]
  causes: Cause[]
  disagreements: Disagreement[]
  outdatedSince: Instant | null
}
