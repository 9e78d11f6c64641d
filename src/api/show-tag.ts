import type { z } from 'zod'
import type { Deps } from '../deps.ts'
import { formatInstant } from '../oci/instant.ts'
import { rebuildStates } from '../plan/rebuild-states.ts'
import { snoozedTags } from '../policy/snoozed.ts'
import type { Cause, Rebuild, Snoozed } from './schemas/tag.ts'

export type CauseRow = {
  tagId: number
  base: string
  role: 'runtime' | 'build' | 'unknown'
  fromDigest: string | null
  toDigest: string
  evidence: z.infer<typeof Cause>['evidence']
  confidence: z.infer<typeof Cause>['confidence']
  stillAt: string[]
  via: string | null
  platforms: string[]
  counted: boolean
}

/** Causes by tag, the root's name first. */
export async function causesOf(d: Pick<Deps, 'sql'>, tagIds: number[]): Promise<Map<number, CauseRow[]>> {
  const rows = await d.sql<CauseRow[]>`
    select tag_id, base, role, from_digest, to_digest, evidence::text[] as evidence, confidence, still_at, via, platforms, counted from cause
    where tag_id = any(${tagIds}) order by tag_id, counted desc, base, role`
  return Map.groupBy(rows, (row) => row.tagId)
}

export const showCause = (c: CauseRow): z.infer<typeof Cause> => ({
  base: c.base,
  from: c.fromDigest,
  to: c.toDigest,
  role: c.role,
  evidence: c.evidence,
  confidence: c.confidence,
  stillAt: c.stillAt,
  via: c.via,
  platforms: c.platforms,
})

/** Rebuild states by ref; what is not there is `none`. */
export async function rebuilds(
  d: Pick<Deps, 'sql' | 'config' | 'clock'>,
  refs: string[],
): Promise<(ref: string) => z.infer<typeof Rebuild>> {
  const states = await rebuildStates(d, refs)
  return (ref) => states.get(ref) ?? { state: 'none', build: null, waitsFor: [] }
}

/** By ref; null where it is not snoozed. */
export async function snoozes(
  d: Pick<Deps, 'sql' | 'clock'>,
  refs: string[],
): Promise<(ref: string) => z.infer<typeof Snoozed> | null> {
  const found = await snoozedTags(d, refs)
  return (ref) => {
    const snoozed = found.get(ref)
    return snoozed ? { ...snoozed, expiresAt: showDate(snoozed.expiresAt) } : null
  }
}

export const showInstant = (at: bigint): string => formatInstant(at)
export const showInstantOrNull = (at: bigint | null): string | null => (at === null ? null : formatInstant(at))
export const showDate = (date: Date): string => date.toISOString()
export const showDateOrNull = (date: Date | null): string | null => date?.toISOString() ?? null
