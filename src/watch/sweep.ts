import type { Deps } from '../deps.ts'
import { declaredNames } from './declared-names.ts'
import { forgetHost } from './forget-host.ts'
import { usedRefs } from './used.ts'

const chunk = 500
const hostOf = (ref: string): string => ref.slice(0, ref.indexOf('/'))

/**
 * Puts right whatever the watch rows may lack or have too much: bases outside that no row stands for (their host may be asked only
 * now, or a tag came back to a digest that was known), hosts that may not be asked any more, runs that were lost. Cheap where nothing
 * is wrong; running it twice changes nothing.
 */
export async function sweepWatches(d: Pick<Deps, 'sql' | 'jobs' | 'registries'>): Promise<void> {
  const hosts = await d.sql<{ host: string }[]>`
    select name as host from registry where outside union select distinct host from watch order by 1`
  for (const { host } of hosts)
    if (d.registries.canonicalHost(host) !== host || d.registries.outside(host) === null)
      await d.sql.begin((tx) => forgetHost(d, tx, host))
  const named = await d.sql<{ ref: string }[]>`
    select tag.ref from tag join repository on repository.id = tag.repository_id join registry on registry.id = repository.registry_id
    where registry.outside`
  const wanted = new Set([...(await declaredNames(d.sql)), ...named.map((row) => row.ref)])
  await insertUsed(
    d,
    [...wanted].filter((ref) => d.registries.outside(hostOf(ref)) !== null),
  )
  const watched = await d.sql<{ host: string }[]>`select distinct host from watch order by 1`
  for (const { host } of watched)
    await d.jobs.enqueue(d.sql, 'watch', { host }, { key: `watch:${host}`, queue: `watch:${host}` })
}

/** Rows for those that are somebody's base and have none, due at once. */
async function insertUsed(d: Pick<Deps, 'sql'>, refs: readonly string[]): Promise<void> {
  for (let i = 0; i < refs.length; i += chunk) {
    const part = refs.slice(i, i + chunk)
    const known = await d.sql<{ ref: string }[]>`select ref from watch where ref = any(${part})`
    const watched = new Set(known.map((row) => row.ref))
    const used = await usedRefs(
      d.sql,
      part.filter((ref) => !watched.has(ref)),
    )
    await d.sql`
      insert into watch (ref, host, next_at) select ref, split_part(ref, '/', 1), to_timestamp(0)
      from unnest(${used}::text[]) as t (ref) order by ref on conflict (ref) do nothing`
  }
}
