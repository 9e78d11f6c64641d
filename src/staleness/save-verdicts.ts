import type { Tx } from '../db/postgres.ts'
import type { Verdict } from './verdict.ts'

/**
 * Replaces the verdicts of `refs`: rows of `cause` as a whole, and the tag's columns. A ref without a verdict is deleted.
 * A tag whose head has moved on meanwhile is left alone: it is dirty again.
 */
export async function saveVerdicts(
  tx: Tx,
  refs: string[],
  verdicts: Map<string, Verdict>,
  judgedAt: Date,
): Promise<void> {
  const found = refs.flatMap((ref) => verdicts.get(ref) ?? [])
  const tags = found.map((v) => ({
    ref: v.ref,
    digest: v.digest,
    status: v.status,
    because: v.because,
    platforms: v.platforms,
    disagreements: v.disagreements,
    outdated_since: v.outdatedSince === null ? null : String(v.outdatedSince),
  }))
  const causes = found.flatMap((v) =>
    v.causes.map((c) => ({
      ref: v.ref,
      digest: v.digest,
      base: c.base,
      role: c.role,
      from_digest: c.from,
      to_digest: c.to,
      evidence: c.evidence,
      confidence: c.confidence,
      still_at: c.stillAt,
      via: c.via,
      platforms: c.platforms,
      counted: c.counted,
      since: String(c.since),
      pinned: c.pinned,
      detail: c.detail.map((d) => ({ ...d, leftAt: String(d.leftAt) })),
    })),
  )
  await tx`delete from cause using tag where cause.tag_id = tag.id and tag.ref = any(${refs})`
  await tx`
    update tag set status = null, because = '[]', platforms = '[]', disagreements = '[]', outdated_since = null, judged_at = ${judgedAt}
    where ref = any(${refs}) and head_digest is null`
  await tx`
    update tag set status = v.status::tag_status, because = v.because, platforms = v.platforms, disagreements = v.disagreements,
      outdated_since = v.outdated_since, judged_at = ${judgedAt}
    from jsonb_to_recordset(${JSON.stringify(tags)}::text::jsonb) as v(
      ref text, digest text, status text, because jsonb, platforms jsonb, disagreements jsonb, outdated_since bigint)
    where tag.ref = v.ref and tag.head_digest = v.digest`
  await tx`
    insert into cause (tag_id, base, role, from_digest, to_digest, evidence, confidence, still_at, via, platforms, counted, since, pinned, detail)
    select t.id, v.base, v.role::base_role, v.from_digest, v.to_digest,
      array(select jsonb_array_elements_text(v.evidence))::evidence_kind[], v.confidence::confidence,
      array(select jsonb_array_elements_text(v.still_at)), v.via, array(select jsonb_array_elements_text(v.platforms)),
      v.counted, v.since, v.pinned, v.detail
    from jsonb_to_recordset(${JSON.stringify(causes)}::text::jsonb) as v(
      ref text, digest text, base text, role text, from_digest text, to_digest text, evidence jsonb, confidence text, still_at jsonb,
      via text, platforms jsonb, counted boolean, since bigint, pinned boolean, detail jsonb)
    join tag t on t.ref = v.ref and t.head_digest = v.digest`
}
