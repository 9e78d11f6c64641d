import type { Deps } from '../deps.ts'

/** The newest plan, by its id, that would build each of these tags (or move it along) and waits for somebody's approval; what is in none has no entry. */
export async function loadHeldPlans({ sql }: Pick<Deps, 'sql'>, refs: readonly string[]): Promise<Map<string, string>> {
  if (refs.length === 0) return new Map()
  const rows = await sql<{ ref: string; planId: string }[]>`
    select distinct on (node.ref) node.ref, plan.id as plan_id
    from plan_node node join plan on plan.id = node.plan_id
    where node.ref = any(${[...refs]}) and plan.state in ('approval', 'stopped')
    order by node.ref, plan.created_at desc, plan.id`
  return new Map(rows.map(({ ref, planId }) => [ref, planId]))
}
