import type { Deps } from '../deps.ts'
import { rebuildStates } from '../plan/rebuild-states.ts'
import type { Outlook } from './digest-outline.ts'
import { loadHeldPlans } from './load-held-plans.ts'
import { loadPins } from './load-pins.ts'
import { loadPlaces } from './load-places.ts'
import { loadProposed } from './load-proposed.ts'

const refsAtOnce = 5000

/** How a tag stands; `bases`: of its counted causes, with a blank between. */
export type Standing = { outlook: Outlook; bases: string }

/**
 * Adds to `known` how each tag stands now, of those not in it, and of what is outdated still what happens next. What is not a tag any more is
 * `deleted`. A number of statements for so many tags, but for proposals (load-proposed.ts).
 */
export async function loadOutlooks(
  d: Pick<Deps, 'sql' | 'db' | 'config' | 'clock' | 'log'>,
  refs: string[],
  known: Map<string, Standing>,
): Promise<void> {
  const shared = sharer(known)
  const wanted = [...new Set(refs)].filter((ref) => !known.has(ref))
  for (let i = 0; i < wanted.length; i += refsAtOnce) {
    const part = wanted.slice(i, i + refsAtOnce)
    const tags = await d.sql<
      { ref: string; bases: string | null; fate: 'deleted' | 'outdated' | 'current' | 'unknown' }[]
    >`
      select ref, counted.bases, case when head_digest is null then 'deleted' when counted.bases is not null then 'outdated'
        when status in ('current', 'artifact') then 'current' else 'unknown' end as fate
      from tag cross join lateral (
        select string_agg(c.base, ' ') as bases from cause c where c.tag_id = tag.id and c.counted) as counted
      where ref = any(${part})`
    const found = new Map(tags.map((tag) => [tag.ref, tag]))
    const outdated = part.filter((ref) => found.get(ref)?.fate === 'outdated')
    const states = await rebuildStates(d, outdated)
    const inState = (...names: string[]) => outdated.filter((ref) => names.includes(states.get(ref)?.state ?? 'none'))
    const places = await loadPlaces(d, inState('settling', 'waiting', 'approval', 'paused', 'queued'))
    const builtAs = (ref: string) => states.get(ref)?.movesWith ?? ref
    const plans = await loadHeldPlans(d, inState('approval').map(builtAs))
    const pins = await loadPins(d, inState('pinned'))
    const proposed = await loadProposed(d, inState('none'))
    for (const ref of part) {
      const { fate, bases } = found.get(ref) ?? { fate: 'deleted' as const, bases: null }
      const stands = (outlook: Outlook) => known.set(ref, { outlook: shared(outlook), bases: bases ?? '' })
      if (fate !== 'outdated') {
        stands({ fate })
        continue
      }
      const [place, pin, proposal] = [places.get(ref), pins.get(ref), proposed.get(ref)]
      const plan = states.get(ref)?.state === 'approval' ? plans.get(builtAs(ref)) : undefined
      stands({
        fate,
        rebuild: states.get(ref) ?? { state: 'none', build: null, waitsFor: [] },
        ...(place ? { place } : {}),
        ...(plan ? { plan } : {}),
        ...(pin ? { pins: pin } : {}),
        ...(proposal ? { proposed: proposal } : {}),
      })
    }
  }
}

/** One object for all tags of which the same is to be said: whoever looks into it looks once. */
function sharer(known: ReadonlyMap<string, Standing>): (outlook: Outlook) => Outlook {
  const same = new Map(
    [...new Set([...known.values()].map(({ outlook }) => outlook))].map((outlook) => [
      JSON.stringify(outlook),
      outlook,
    ]),
  )
  return (outlook) => {
    const key = JSON.stringify(outlook)
    const found = same.get(key) ?? outlook
    same.set(key, found)
    return found
  }
}
