import type { PreviewEdge } from './play.ts'

/** What the verdict of one platform says of its bases, as it is stored. */
export type StoredPlatform = {
  platform: string
  bases: (Pick<PreviewEdge, 'confidence' | 'pinned' | 'role'> & { ref: string | null; digest: string | null })[]
}

export type StoredVerdict = {
  ref: string
  platforms: readonly StoredPlatform[]
  because: readonly { reason: string; base: string | null; platform: string }[]
  countsBuild: boolean
  /** bases that have moved away already */
  moved: ReadonlySet<string>
}

type Row = StoredPlatform['bases'][number] & { ref: string; platform: string; others: string[] }

/**
 * The bases of a tag, one for each (name, role). `namesAt`: the names that are at a digest now: together with the other candidates
 * those which keep an inferred base ambiguous when one of them moves away.
 */
export function previewEdges(tag: StoredVerdict, namesAt: ReadonlyMap<string, readonly string[]>): PreviewEdge[] {
  const rows = tag.platforms.flatMap(({ platform, bases }) => {
    const candidates = bases.filter((base) => base.role === 'runtime' && base.confidence !== 'declared')
    const others = candidates.flatMap((base) => (base.ref === null || tag.moved.has(base.ref) ? [] : base.ref))
    return bases.flatMap((base): Row[] => (base.ref === null ? [] : [{ ...base, ref: base.ref, platform, others }]))
  })
  const groups = Map.groupBy(rows, (row) => `${row.ref} ${row.role}`)
  return [...groups.values()].map((group) => edgeOf(tag, group, namesAt))
}

/** The first platform decides, as it does for a cause; doubt on any of them is doubt. */
function edgeOf(tag: StoredVerdict, group: Row[], namesAt: ReadonlyMap<string, readonly string[]>): PreviewEdge {
  const { ref, role, pinned, confidence } = group[0]!
  const doubted = group.filter((row) => row.confidence !== 'declared')
  const names = doubted.flatMap((row) => [...row.others, ...(row.digest ? (namesAt.get(row.digest) ?? []) : [])])
  return {
    base: ref,
    role,
    confidence,
    pinned,
    counted: role === 'runtime' || (role === 'build' && tag.countsBuild),
    rivals: [...new Set(names)].filter((name) => name !== ref && name !== tag.ref).sort(),
    unknown: group.every((row) =>
      tag.because.some((b) => b.reason === 'digest-unknown' && b.base === row.ref && b.platform === row.platform),
    ),
  }
}
