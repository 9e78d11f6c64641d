import type { Deps } from '../deps.ts'
import { assemblePlan, type RebuildState } from './assemble-plan.ts'
import { loadPlan } from './load-plan.ts'

export type { RebuildState } from './assemble-plan.ts'

/** How the rebuild of each of these tags stands, by the same decision that the planner makes. */
export async function rebuildStates(
  d: Pick<Deps, 'sql' | 'config' | 'clock'>,
  refs: readonly string[],
): Promise<Map<string, RebuildState>> {
  if (refs.length === 0) return new Map()
  const { settle, observe } = d.config
  return assemblePlan(await loadPlan(d, d.sql, refs), { now: d.clock(), settle, observe }).states
}
