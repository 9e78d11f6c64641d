import type { Deps } from '../deps.ts'
import { rebuildStates } from '../plan/rebuild-states.ts'
import type { Outlook } from './digest-outline.ts'

const refsAtOnce = 1000

/** Adds to `known` how each tag stands now, of those not in it. What is not a tag any more is `deleted`. */
export async function loadOutlooks(
  d: Pick<Deps, 'sql' | 'config' | 'clock'>,
  refs: string[],
  known: Map<string, Outlook>,
): Promise<void> {
  const wanted = [...new Set(refs)].filter((ref) => !known.has(ref))
  for (let i = 0; i < wanted.length; i += refsAtOnce) {
    const part = wanted.slice(i, i + refsAtOnce)
    const tags = await d.sql<{ ref: string; fate: Outlook['fate'] }[]>`
      select ref, case when head_digest is null then 'deleted' when exists (
          select from cause c where c.tag_id = tag.id and c.counted) then 'outdated'
        when status in ('current', 'artifact') then 'current' else 'unknown' end as fate
      from tag where ref = any(${part})`
    const fates = new Map(tags.map(({ ref, fate }) => [ref, fate]))
    const states = await rebuildStates(
      d,
      part.filter((ref) => fates.get(ref) === 'outdated'),
    )
    for (const ref of part) {
      const fate = fates.get(ref) ?? 'deleted'
      if (fate !== 'outdated') known.set(ref, { fate })
      else known.set(ref, { fate, rebuild: states.get(ref) ?? { state: 'none', build: null, waitsFor: [] } })
    }
  }
}
