import type { Deps } from '../deps.ts'
import { assemblePlan, type RebuildState } from './assemble-plan.ts'
import { loadPlan } from './load-plan.ts'

export type { RebuildState, RebuildStateName } from './assemble-plan.ts'

/** How the rebuild of each of these tags stands, by the very decision that the planner makes. One entry for each ref. */
export async function rebuildStates(
  d: Pick<Deps, 'sql' | 'config' | 'clock'>,
  refs: readonly string[],
): Promise<Map<string, RebuildState>> {
  if (refs.length === 0) return new Map()
  const { settle, observe } = d.config
  const input = await d.sql.begin('isolation level repeatable read read only', (tx) => loadPlan(d, tx, refs))
  const { states } = assemblePlan(input, { now: d.clock(), settle, observe })
  return new Map(refs.map((ref) => [ref, states.get(ref)!]))
}
