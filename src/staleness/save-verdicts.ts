import { copyRows } from '../db/copy.ts'
import type { Tx } from '../db/postgres.ts'
import type { TagFindings } from './judge.ts'
import { keep } from './kept-findings.ts'
import type { Verdict } from './verdict.ts'

/** `judged`: findings to keep, of those that were judged anew; the others keep theirs. */
export type Conclusions = { judged: ReadonlyMap<string, TagFindings>; verdicts: ReadonlyMap<string, Verdict> }

/**
 * Replaces the verdicts of `refs`: rows of `cause` as a whole, and the tag's columns where they differ. A ref without a verdict is
 * deleted. A tag whose head has moved on meanwhile is left alone: it is dirty again.
 */
export async function saveVerdicts(
  tx: Tx,
  refs: readonly string[],
  { judged, verdicts }: Conclusions,
  judgedAt: Date,
): Promise<void> {
  const rows = await tx<{ id: number; ref: string; headDigest: string | null }[]>`
    select id, ref, head_digest from tag where ref = any(${refs as string[]})`
  const gone = rows.filter((row) => row.headDigest === null).map((row) => row.id)
  if (gone.length > 0)
    await tx`
      update tag set status = null, because = '[]', platforms = '[]', disagreements = '[]', outdated_since = null, findings = null,
        reach = null, judged_at = ${judgedAt}
      where id = any(${gone}) and head_digest is null`
  if (gone.length > 0) await tx`delete from tag_base where tag_id = any(${gone})`
  const standing = rows.flatMap(({ id, ref, headDigest }): Standing[] => {
    const verdict = verdicts.get(ref)
    const tag = judged.get(ref)
    return verdict?.digest === headDigest && verdict ? [{ id, verdict, kept: tag ? keep(tag) : null }] : []
  })
  await tx`delete from cause where tag_id = any(${[...gone, ...standing.map((tag) => tag.id)]})`
  await updateTags(tx, standing, judgedAt)
  await replaceBases(tx, standing)
  await insertCauses(tx, standing)
}

/** A tag that is still where it was judged. One that moves after this has marked itself, and is judged again. */
type Standing = { id: number; verdict: Verdict; kept: ReturnType<typeof keep> | null }

/** By arrays: as JSON records the same took twice as long. What is as it was is not written again. */
async function updateTags(tx: Tx, tags: Standing[], judgedAt: Date): Promise<void> {
  if (tags.length === 0) return
  const text = (of: (tag: Standing) => string | null) => tags.map(of)
  await tx`
    update tag set status = v.status::tag_status, because = v.because::jsonb, platforms = v.platforms::jsonb,
      disagreements = v.disagreements::jsonb, outdated_since = v.outdated_since, judged_at = ${judgedAt},
      findings = coalesce(v.findings::jsonb, tag.findings), reach = coalesce(v.reach, tag.reach)
    from unnest(${tags.map((t) => t.id)}::int[], ${text((t) => t.verdict.digest)}::text[],
      ${text((t) => t.verdict.status)}::text[], ${text((t) => JSON.stringify(t.verdict.because))}::text[],
      ${text((t) => JSON.stringify(t.verdict.platforms))}::text[],
      ${text((t) => JSON.stringify(t.verdict.disagreements))}::text[],
      ${text((t) => t.verdict.outdatedSince?.toString() ?? null)}::bigint[], ${text((t) => t.kept?.findings ?? null)}::text[],
      ${tags.map((t) => t.kept?.reach ?? null)}::int[])
      as v (id, digest, status, because, platforms, disagreements, outdated_since, findings, reach)
    where tag.id = v.id and tag.head_digest = v.digest and (tag.judged_at is null or
      (tag.status, tag.because, tag.platforms, tag.disagreements, tag.outdated_since) is distinct from
        (v.status::tag_status, v.because::jsonb, v.platforms::jsonb, v.disagreements::jsonb, v.outdated_since)
      or (v.findings is not null and (tag.findings, tag.reach) is distinct from (v.findings::jsonb, v.reach)))`
}

/** Only a new judgement names other bases. */
async function replaceBases(tx: Tx, tags: Standing[]): Promise<void> {
  const judged = tags.filter((tag) => tag.kept !== null)
  if (judged.length === 0) return
  const rows = judged.flatMap(({ id, verdict }) =>
    [...new Set(verdict.platforms.flatMap((at) => at.bases.flatMap((base) => base.ref ?? [])))].map((base) => ({
      id,
      base,
    })),
  )
  const [ids, bases] = [rows.map((row) => row.id), rows.map((row) => row.base)]
  await tx`
    delete from tag_base where tag_id = any(${judged.map((tag) => tag.id)}::int[])
      and not exists (select from unnest(${ids}::int[], ${bases}::text[]) as v (id, base) where v.id = tag_id and v.base = tag_base.base)`
  await tx`
    insert into tag_base (tag_id, base) select * from unnest(${ids}::int[], ${bases}::text[]) on conflict do nothing`
}

const insertCauses = (tx: Tx, tags: Standing[]): Promise<void> =>
  copyRows(
    tx,
    `cause (tag_id, base, role, from_digest, to_digest, evidence, confidence, still_at, via, platforms, counted, since, pinned, detail)`,
    tags.flatMap(({ id, verdict }) =>
      verdict.causes.map((c) => [
        id,
        c.base,
        c.role,
        c.from,
        c.to,
        c.evidence,
        c.confidence,
        c.stillAt,
        c.via,
        c.platforms,
        c.counted,
        c.since,
        c.pinned,
        JSON.stringify(c.detail.map((d) => ({ ...d, leftAt: String(d.leftAt) }))),
      ]),
    ),
  )
