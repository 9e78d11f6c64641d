import type { Deps } from '../deps.ts'
import { lockPeople } from './merge-people.ts'
import type { SyncWish } from './sync-people.ts'
import { forgetSource } from './take-over.ts'

/** A source as GET /people-sources shows it. */
export type PeopleSourceView = {
  name: string
  kind: string
  registry: string | null
  triedAt: Date | null
  syncedAt: Date | null
  /** seconds since what it says was read; null: never */
  age: number | null
  error: { code: string; message: string } | null
  counts: { namespaces: number; people: number; members: number; rules: number } | null
  notes: string[]
}

/**
 * A row for each configured source, and none for others: what those said is forgotten. One whose kind or registry is another than before is
 * as if it had never been read. Run at the start.
 */
export async function introduceSources(d: Pick<Deps, 'sql' | 'jobs' | 'config' | 'log'>): Promise<void> {
  const names = d.config.peopleSources.map(({ name }) => name)
  await d.sql.begin(async (tx) => {
    await lockPeople(tx)
    const gone = await tx<{ source: string }[]>`
      select source from (
        select name as source from people_source union select source from person_said union select source from namespace_said
        union select source from member_said union select source from owner_rule) as known
      where source <> 'local' and source <> all(${names}) order by source`
    for (const { source } of gone) {
      await forgetSource(tx, source)
      await tx`delete from people_source where name = ${source}`
      d.log.info({ source }, 'a source of people is configured no more: what it said is forgotten')
    }
    for (const { name, kind, registry } of d.config.peopleSources)
      await tx`
        insert into people_source as p (name, kind, registry) values (${name}, ${kind}, ${registry ?? ''})
        on conflict (name) do update set kind = excluded.kind, registry = excluded.registry, synced_at = null, shrunk_at = null
        where (p.kind, p.registry) <> (excluded.kind, excluded.registry)`
  })
}

/** A job for each source, or for one. One that waits is replaced. */
export async function enqueueSync(d: Pick<Deps, 'sql' | 'jobs' | 'config'>, one?: SyncWish): Promise<void> {
  const wishes: SyncWish[] = one ? [one] : d.config.peopleSources.map(({ name }) => ({ source: name }))
  for (const wish of wishes)
    await d.jobs.enqueue(d.sql, 'people', wish, {
      // a wish of the clock must not take the place of one that believes
      key: `people:${wish.source}${wish.believe ? ':believe' : ''}`,
      queue: `people:${wish.source}`,
    })
}

/** All sources, by name. */
export async function listSources(d: Pick<Deps, 'sql' | 'clock'>): Promise<PeopleSourceView[]> {
  const rows = await d.sql<
    (Omit<PeopleSourceView, 'age' | 'error' | 'counts'> & { error: string | null; counts: string | null })[]
  >`
    select name, kind, nullif(registry, '') as registry, tried_at, synced_at, error::text as error, counts::text as counts, notes
    from people_source order by name`
  const now = d.clock().getTime()
  return rows.map(({ error, counts, ...row }) => ({
    ...row,
    age: row.syncedAt === null ? null : Math.max(0, Math.floor((now - row.syncedAt.getTime()) / 1000)),
    error: error === null ? null : (JSON.parse(error) as PeopleSourceView['error']),
    counts: counts === null ? null : (JSON.parse(counts) as PeopleSourceView['counts']),
  }))
}
