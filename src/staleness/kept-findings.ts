import type { Instant } from '../oci/instant.ts'
import type { Platform } from '../oci/platform.ts'
import type { TagFindings } from './judge.ts'
import type { BaseRow, Findings, PlatformCause } from './verdict.ts'

/**
 * What a tag's head shows by itself, as it is stored beside its verdict: a tag that only inherits is concluded from this, without
 * reading what it was judged from. Bases stand in `tag.platforms` already, in the same order; a link is the place of its base there.
 */
type Kept = {
  version: number
  digest: string
  countsBuild: boolean
  at: {
    links: [base: number, platform: Platform][]
    direct: (Omit<PlatformCause, 'leftAt'> & { leftAt: string })[]
    unknown: Findings['unknown']
    disagreements: Findings['disagreements']
  }[]
}

/** Of the rules that findings follow: one more whenever these change, so that what is kept by older ones is not used. */
const version = 1

/** A row of `tag`, JSON as text. */
export type KeptRow = {
  ref: string
  headDigest: string
  headAt: Instant
  reach: number | null
  platforms: string
  findings: string | null
}

export const keep = (tag: TagFindings): { findings: string; reach: number } => {
  const kept: Kept = {
    version,
    digest: tag.head.digest,
    countsBuild: tag.countsBuild,
    at: tag.findings.map((at) => ({
      links: at.links.map((link) => [at.bases.findIndex((base) => isSame(base, link)), link.platform]),
      direct: at.direct.map((cause) => ({ ...cause, leftAt: String(cause.leftAt) })),
      unknown: at.unknown,
      disagreements: at.disagreements,
    })),
  }
  const reach = tag.findings.reduce((least, at) => Math.min(least, at.reach), Number.MAX_SAFE_INTEGER)
  return { findings: JSON.stringify(kept), reach: tag.findings.length === 0 ? 0 : reach }
}

const isSame = (base: BaseRow, link: { ref: string; role: BaseRow['role'] }): boolean =>
  base.ref === link.ref && base.role === link.role

/** The findings as they were kept; null where there are none of this head, or by these rules. */
export function recall(row: KeptRow): TagFindings | null {
  if (row.findings === null) return null
  const kept = JSON.parse(row.findings) as Kept
  if (kept.version !== version || kept.digest !== row.headDigest) return null
  const platforms = JSON.parse(row.platforms) as { platform: Platform; digest: string; bases: BaseRow[] }[]
  return {
    ref: row.ref,
    countsBuild: kept.countsBuild,
    head: { digest: row.headDigest, from: row.headAt },
    artifact: kept.at.length === 0,
    findings: kept.at.map((at, i) => {
      const { platform, digest, bases } = platforms[i]!
      return {
        reach: row.reach ?? 0,
        platform,
        digest,
        bases,
        links: at.links.map(([base, on]) => ({ ...bases[base]!, ref: bases[base]!.ref!, platform: on })),
        direct: at.direct.map((cause) => ({ ...cause, leftAt: BigInt(cause.leftAt) })),
        unknown: at.unknown,
        disagreements: at.disagreements,
      }
    }),
  }
}
