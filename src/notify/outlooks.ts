import type { Deps } from '../deps.ts'
import { rebuildStates } from '../plan/rebuild-states.ts'
import type { Outlook } from './digest-outline.ts'
import { loadPins } from './load-pins.ts'
import { loadPlaces } from './load-places.ts'
import { loadProposed } from './load-proposed.ts'

const refsAtOnce = 5000

/**
 * Adds to `known` how each tag stands now, of those not in it, and of what is outdated still what happens next. What is not a tag any more is
 * `deleted`. A number of statements for so many tags, but for proposals (load-proposed.ts).
 */
export async function loadOutlooks(
  d: Pick<Deps, 'sql' | 'db' | 'config' | 'clock' | 'log'>,
  refs: string[],
  known: Map<string, Outlook>,
): Promise<void> {
  const shared = sharer(known)
  const wanted = [...new Set(refs)].filter((ref) => !known.has(ref))
  for (let i = 0; i < wanted.length; i += refsAtOnce) {
    const part = wanted.slice(i, i + refsAtOnce)
    const tags = await d.sql<{ ref: string; fate: Outlook['fate'] }[]>`
      select ref, case when head_digest is null then 'deleted' when exists (
          select from cause c where c.tag_id = tag.id and c.counted) then 'outdated'
        when status in ('current', 'artifact') then 'current' else 'unknown' end as fate
      from tag where ref = any(${part})`
    const fates = new Map(tags.map(({ ref, fate }) => [ref, fate]))
    const outdated = part.filter((ref) => fates.get(ref) === 'outdated')
    const states = await rebuildStates(d, outdated)
    const inState = (...names: string[]) => outdated.filter((ref) => names.includes(states.get(ref)?.state ?? 'none'))
    const places = await loadPlaces(d, inState('settling', 'waiting', 'approval', 'paused', 'queued'))
    const pins = await loadPins(d, inState('pinned'))
    const proposed = await loadProposed(d, inState('none'))
    for (const ref of part) {
      const fate = fates.get(ref) ?? 'deleted'
      if (fate !== 'outdated') {
        known.set(ref, shared({ fate }))
        continue
      }
      const [place, pin, proposal] = [places.get(ref), pins.get(ref), proposed.get(ref)]
      known.set(
        ref,
        shared({
          fate,
          rebuild: states.get(ref) ?? { state: 'none', build: null, waitsFor: [] },
          ...(place ? { place } : {}),
          ...(pin ? { pins: pin } : {}),
          ...(proposal ? { proposed: proposal } : {}),
        }),
      )
    }
  }
}

/** One object for all tags of which the same is to be said: whoever looks into it looks once. */
function sharer(known: ReadonlyMap<string, Outlook>): (outlook: Outlook) => Outlook {
  const same = new Map([...new Set(known.values())].map((outlook) => [JSON.stringify(outlook), outlook]))
  return (outlook) => {
    const key = JSON.stringify(outlook)
    const found = same.get(key) ?? outlook
    same.set(key, found)
    return found
  }
}
