import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { assemblePlan, type RebuildState } from './assemble-plan.ts'
import { furtherTags } from './load-further-tags.ts'
import { loadPlan } from './load-plan.ts'

export type { RebuildState, RebuildStateName } from './assemble-plan.ts'

/** How the rebuild of each of these tags stands, by the very decision that the planner makes. One entry for each ref. */
export async function rebuildStates(
  d: Pick<Deps, 'sql' | 'config' | 'clock'>,
  refs: readonly string[],
): Promise<Map<string, RebuildState>> {
  if (refs.length === 0) return new Map()
  const { settle, observe } = d.config
  const states = await d.sql.begin('isolation level repeatable read read only', async (tx) => {
    const some = await toBeDecided(tx, refs)
    if (some.length === 0) return new Map<string, RebuildState>()
    return assemblePlan(await loadPlan(d, tx, some), { now: d.clock(), settle, observe }).states
  })
  return new Map(refs.map((ref) => [ref, states.get(ref) ?? { state: 'none', build: null, waitsFor: [] }]))
}

/**
 * Of these tags those that anything but `none` can be said of: with a recipe, moved along by another's, with a build, or pinned. Of most tags of
 * most registries nothing else has to be loaded, nor decided.
 */
async function toBeDecided(tx: Tx, refs: readonly string[]): Promise<string[]> {
  const rows = await tx<{ ref: string }[]>`
    with asked as materialized (select unnest(${[...refs]}::text[]) as ref)
    select ref from asked join recipe using (ref)
    union select ref from asked join (${furtherTags(tx)}) as further using (ref)
    union select ref from asked join build using (ref) where build.job is null
    union select ref from asked join tag using (ref) join cause on cause.tag_id = tag.id where cause.counted and cause.pinned`
  return rows.map(({ ref }) => ref)
}
