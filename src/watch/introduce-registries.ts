import type { Deps } from '../deps.ts'
import { followGone } from '../people/follow-gone.ts'
import { lockPeople } from '../people/merge-people.ts'
import { makeOwn } from '../people/registries-known.ts'
import { followAliases } from './follow-aliases.ts'
import { sweepWatches } from './sweep.ts'

/** Any number, the same in every process: the advisory lock under which one start after another makes registries known. */
const startLock = 7_233_012

/**
 * A row for each configured registry, saying whether it sends us events, and which of those that did are configured no more; names brought under what the configuration calls their
 * registries; a run for every host that is watched. Done at every start.
 */
export async function introduceRegistries(d: Pick<Deps, 'sql' | 'jobs' | 'registries' | 'config'>): Promise<void> {
  await d.sql.begin(async (tx) => {
    await tx`select pg_advisory_xact_lock(${startLock})`
    await lockPeople(tx) // before any row of a registry is locked, as move-keys.ts does
    const own = d.config.registries.map(({ name }) => name)
    await makeOwn(tx, own)
    await tx`delete from watch where host = any(${own}::text[])`
    await followGone(tx, own)
    for (const { name } of d.config.outside)
      await tx`
        insert into registry (name, outside) values (${name}, true)
        on conflict (name) do update set outside = true, gone = true where not registry.outside and ${d.config.registries.length > 0}`
    await followAliases(d, tx)
  })
  await sweepWatches(d)
}
