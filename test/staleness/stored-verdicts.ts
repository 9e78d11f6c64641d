import type { Sql } from '../../src/db/postgres.ts'
import type { Verdict } from '../../src/staleness/verdict.ts'

type TagRow = Pick<Verdict, 'ref' | 'digest' | 'status' | 'outdatedSince'> & { shown: string }
type CauseRow = Omit<Verdict['causes'][number], 'detail'> & { ref: string; told: string }

/** Verdicts with nothing but what is stored of them. */
export const inStoredForm = (verdicts: ReadonlyMap<string, Verdict>): Map<string, Verdict> =>
  new Map([...verdicts].map(([ref, verdict]) => [ref, asStored(verdict)]))

const asStored = ({ causes, ...verdict }: Verdict): Verdict => ({
  ...verdict,
  causes: causes.map(
    ({ base, role, from, to, evidence, confidence, stillAt, via, platforms, counted, since, pinned, detail }) => ({
      ...{ base, role, from, to, evidence, confidence, stillAt, via, platforms, counted, since, pinned, detail },
    }),
  ),
})

/** Every verdict as it is stored, by ref, in the judge's own words. JSON is read as text: the driver renames keys inside it. */
export async function storedVerdicts(sql: Sql): Promise<Map<string, Verdict>> {
  const tags = await sql<TagRow[]>`
    select ref, head_digest as digest, status, outdated_since,
      json_build_object('because', because, 'platforms', platforms, 'disagreements', disagreements)::text as shown
    from tag where head_digest is not null order by ref`
  const causes = await sql<CauseRow[]>`
    select t.ref, base, role, from_digest as "from", to_digest as "to", evidence::text[], confidence, still_at, via, c.platforms,
      counted, since, pinned, detail::text as told
    from cause c join tag t on t.id = c.tag_id order by t.ref, base, role::text collate "C"`
  const verdicts = new Map(
    tags.map(({ shown, ...tag }) => [tag.ref, { ...tag, ...JSON.parse(shown), causes: [] } as Verdict]),
  )
  for (const { ref, told, ...cause } of causes) {
    const detail = (JSON.parse(told) as { platform: string; from: string | null; leftAt: string }[]).map((d) => ({
      ...d,
      leftAt: BigInt(d.leftAt),
    })) as Verdict['causes'][number]['detail']
    const verdict = verdicts.get(ref)
    if (!verdict) throw new Error(`${ref} has no head, and yet a cause: ${cause.base}`)
    verdict.causes.push({ ...cause, detail })
  }
  for (const { causes } of verdicts.values())
    causes.sort((a, b) => (a.base < b.base ? -1 : a.base > b.base ? 1 : a.role < b.role ? -1 : 1))
  return verdicts
}
