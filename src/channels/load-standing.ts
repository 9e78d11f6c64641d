import type { Deps } from '../deps.ts'
import { rebuildStates } from '../plan/rebuild-states.ts'
import type { Standing } from './compose.ts'

const refsAtOnce = 1000

/** Adds to `known` how each of these tags stands now, of those not in it; what is no tag any more has no entry. A few statements a thousand. */
export async function loadStanding(
  d: Pick<Deps, 'sql' | 'config' | 'clock'>,
  all: readonly string[],
  known: Map<string, Standing>,
): Promise<void> {
  const refs = [...new Set(all)].filter((ref) => !known.has(ref))
  for (let i = 0; i < refs.length; i += refsAtOnce) {
    const part = refs.slice(i, i + refsAtOnce)
    const tags = await d.sql<(Pick<Standing, 'now' | 'digest' | 'bases'> & { ref: string })[]>`
      select ref, head_digest as digest, counted.bases, case when head_digest is null then 'deleted' when counted.bases <> '{}' then 'outdated'
        when status in ('current', 'artifact') then 'current' else 'unknown' end as now
      from tag cross join lateral (select array(select c.base from cause c where c.tag_id = tag.id and c.counted) as bases) as counted
      where ref = any(${part})`
    const outdated = tags.filter(({ now }) => now === 'outdated').map(({ ref }) => ref)
    const states = await rebuildStates(d, outdated)
    for (const { ref, digest, now, bases } of tags) {
      const { state = 'none', build = null, waitsFor = [] } = states.get(ref) ?? {}
      known.set(ref, { now, digest, bases, rebuild: { state, build, waitsFor } })
    }
  }
}
