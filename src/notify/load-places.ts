import type { Deps } from '../deps.ts'
import type { Place } from './digest-outline.ts'

/** Where each of these tags stands in the newest plan under way that builds it, in the order of its waves; what is in none has no entry. */
export async function loadPlaces({ sql }: Pick<Deps, 'sql'>, refs: readonly string[]): Promise<Map<string, Place>> {
  if (refs.length === 0) return new Map()
  const rows = await sql<(Place & { ref: string })[]>`
    with mine as (
      select distinct on (node.ref) node.ref, plan.id as plan_id
      from plan_node node join plan on plan.id = node.plan_id
      where node.ref = any(${[...refs]}) and node.level is not null and node.because is null and plan.state in ('open', 'approval')
      order by node.ref, plan.created_at desc, plan.id
    ), placed as (
      select plan_id, ref, level as wave, row_number() over (partition by plan_id order by level, ref)::int as at,
        count(*) over (partition by plan_id)::int as of, max(level) over (partition by plan_id) as waves
      from plan_node where plan_id in (select plan_id from mine) and level is not null and because is null
    )
    select placed.ref, at, of, wave, waves from mine join placed using (plan_id, ref)`
  return new Map(rows.map(({ ref, ...place }) => [ref, place]))
}
