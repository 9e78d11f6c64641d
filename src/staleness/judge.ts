/**
 * in: a World (facts, complete for the tags asked for) and the refs to judge.
 * out: a Verdict for each of them that exists.
 * guarantees: pure; the same facts give the same verdicts, in whatever order they arrived (lineage.md).
 */
import { platformsOf } from '../lineage/platform-manifest.ts'
import { headOf, type TagTimeline, type World } from '../lineage/world.ts'
import type { Instant } from '../oci/instant.ts'
import type { Platform } from '../oci/platform.ts'
import { counts, inherit, type Judged } from './inherit.ts'
import { judgePlatform } from './judge-platform.ts'
import type { Cause, Findings, PlatformCause, Status, Verdict } from './verdict.ts'

/** Verdicts by ref. A deleted or unknown tag has none. */
export function judge(world: World, refs: Iterable<string>): Map<string, Verdict> {
  const findings = [...refs].flatMap((ref) => {
    const found = findingsOf(world, ref)
    return found ? [found] : []
  })
  return conclude(world, findings)
}

/** What a tag's platforms show by themselves, and its head; null where it has none. The part that can be done in batches. */
export type TagFindings = Judged & { head: { digest: string; from: Instant }; artifact: boolean }

export function findingsOf(world: World, ref: string): TagFindings | null {
  const tag = world.tag(ref)
  const head = headOf(tag)
  if (!tag || !head) return null
  const platforms = platformsOf(world, head.digest)
  const findings = platforms.map((at) => judgePlatform(world, tag, head.digest, at))
  const kind = world.manifest(head.digest)?.kind
  if (kind === undefined || kind === 'absent') findings.push(unreadable(head.digest))
  return {
    ref,
    countsBuild: world.countsBuild(ref),
    head: { digest: head.digest, from: pushedAt(tag) },
    findings,
    artifact: findings.length === 0,
  }
}

const unreadable = (digest: string): Findings => {
  const platform = 'unknown/unknown' as Platform
  const because = { reason: 'unreadable' as const, base: null, platform }
  return {
    reach: 0,
    platform,
    digest,
    bases: [],
    links: [],
    direct: [],
    unknown: [{ because, role: 'runtime' }],
    disagreements: [],
  }
}

const pushedAt = (tag: TagTimeline): Instant => tag.spans.at(-1)!.from

/** The second part: inheritance over all of them, then one verdict a tag. */
export function conclude(world: Pick<World, 'storedCauses'>, judged: TagFindings[]): Map<string, Verdict> {
  const causesOf = inherit(judged, world.storedCauses)
  return new Map(judged.map((tag) => [tag.ref, verdictOf(tag, causesOf)]))
}

function verdictOf(tag: TagFindings, causesOf: (ref: string, platform: Platform) => PlatformCause[]): Verdict {
  const perPlatform = tag.findings.map((at) => ({ at, causes: causesOf(tag.ref, at.platform) }))
  const platforms = perPlatform.map(({ at, causes }) => ({
    platform: at.platform,
    digest: at.digest,
    status: statusOf(tag, at, causes),
    bases: at.bases,
  }))
  const causes = collect(tag, perPlatform)
  const counted = causes.filter((cause) => cause.counted)
  const found = (status: Status) => platforms.some((p) => p.status === status)
  return {
    ref: tag.ref,
    digest: tag.head.digest,
    status: tag.artifact ? 'artifact' : found('outdated') ? 'outdated' : found('unknown') ? 'unknown' : 'current',
    because: tag.findings.flatMap((at) => at.unknown.map((u) => u.because)),
    platforms,
    causes,
    disagreements: tag.findings.flatMap((at) => at.disagreements),
    outdatedSince: counted.reduce<Instant | null>(
      (least, c) => (least === null || c.since < least ? c.since : least),
      null,
    ),
  }
}

/** Outdated beats unknown beats current. A deleted or unnamed base that layers could stand in for does not make it unknown. */
function statusOf(tag: TagFindings, at: Findings, causes: PlatformCause[]): Status {
  if (causes.some((cause) => counts(tag, cause))) return 'outdated'
  const stoodIn = at.bases.some((base) => base.role === 'runtime' && base.evidence[0] === 'layers')
  const replaced = ({ because, role }: Findings['unknown'][number]) =>
    stoodIn && (because.reason === 'base-absent' || (because.reason === 'unresolved-arg' && role === 'runtime'))
  const blocking = at.unknown.filter((u) => counts(tag, u) && !replaced(u))
  return blocking.length > 0 ? 'unknown' : 'current'
}

/** One cause a (root, role) over the platforms in their sort order; the first platform gives `from`. */
function collect(tag: TagFindings, perPlatform: { at: Findings; causes: PlatformCause[] }[]): Cause[] {
  const causes = new Map<string, Cause>()
  for (const { at, causes: found } of perPlatform)
    for (const { leftAt, ...cause } of found) {
      const since = leftAt > tag.head.from ? leftAt : tag.head.from
      const detail = { platform: at.platform, from: cause.from, leftAt }
      const known = causes.get(`${cause.base} ${cause.role}`)
      if (!known) {
        const counted = counts(tag, cause)
        causes.set(`${cause.base} ${cause.role}`, {
          ...cause,
          platforms: [at.platform],
          counted,
          since,
          detail: [detail],
        })
        continue
      }
      known.platforms.push(at.platform)
      known.detail.push(detail)
      known.since = since < known.since ? since : known.since
      if (cause.via === null || (known.via !== null && cause.via < known.via)) known.via = cause.via
      if (cause.confidence === 'ambiguous') known.confidence = 'ambiguous'
      known.stillAt = [...new Set([...known.stillAt, ...cause.stillAt])].sort()
    }
  return [...causes.values()].sort((a, b) => (a.base < b.base ? -1 : a.base > b.base ? 1 : a.role < b.role ? -1 : 1))
}
