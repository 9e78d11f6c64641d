import type { Tx } from '../db/postgres.ts'
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
 * A row for each configured source; what others said is forgotten (forgetLeftOver). One whose kind or registry is another than before is as if
 * it had never been read. Run at the start.
 */
export async function introduceSources(d: Pick<Deps, 'sql' | 'jobs' | 'config' | 'log'>): Promise<void> {
  await d.sql.begin(async (tx) => {
    await lockPeople(tx)
    for (const { name, kind, registry } of d.config.peopleSources)
      await tx`
        insert into people_source as p (name, kind, registry) values (${name}, ${kind}, ${registry ?? ''})
        on conflict (name) do update set kind = excluded.kind, registry = excluded.registry, synced_at = null, shrunk_at = null
        where (p.kind, p.registry) <> (excluded.kind, excluded.registry)`
    await forgetLeftOver(d, tx)
  })
}

/**
 * Forgets what sources said that are configured no more. Not while one of their kind is configured that was never read well: it may be the
 * same under a new name, and nobody is to lose a role for a while. To be called under lockPeople. Answers whom it forgot.
 */
export async function forgetLeftOver(d: Pick<Deps, 'config' | 'log'>, tx: Tx): Promise<string[]> {
  const names = d.config.peopleSources.map(({ name }) => name)
  const found = await tx<{ source: string; heir: string | null }[]>`
    select known.source, (select min(unread.name) from people_source unread
      where unread.kind = p.kind and unread.name = any(${names}) and unread.synced_at is null) as heir
    from (
      select name as source from people_source union select source from person_said union select source from namespace_said
      union select source from member_said union select source from owner_rule) as known
    left join people_source p on p.name = known.source
    where known.source <> 'local' and known.source <> all(${names}) order by known.source`
  const gone = found.filter(({ heir }) => heir === null).map(({ source }) => source)
  for (const source of gone) {
    await forgetSource(tx, source)
    await tx`delete from people_source where name = ${source}`
    d.log.info({ source }, 'a source of people is configured no more: what it said is forgotten')
  }
  for (const { source, heir } of found)
    if (heir !== null)
      d.log.info({ source, heir }, 'a source of people is configured no more: it holds until the other is read')
  return gone
}

/** A job for each source, or for one. One that waits is replaced; what is left of one whose worker died is removed. */
export async function enqueueSync(d: Pick<Deps, 'sql' | 'jobs' | 'config'>, one?: SyncWish): Promise<void> {
  await d.jobs.removeSpent(d.sql, 'people')
  const wishes: SyncWish[] = one ? [one] : d.config.peopleSources.map(({ name }) => ({ source: name }))
  for (const wish of wishes)
    await d.jobs.enqueue(d.sql, 'people', wish, {
      // a wish of the clock must not take the place of one that believes
      key: `people:${wish.source}${wish.believe ? ':believe' : ''}`,
      queue: `people:${wish.source}`,
    })
}

/** All configured sources, by name. */
export async function listSources(d: Pick<Deps, 'sql' | 'clock' | 'config'>): Promise<PeopleSourceView[]> {
  const rows = await d.sql<
    (Omit<PeopleSourceView, 'age' | 'error' | 'counts'> & { error: string | null; counts: string | null })[]
  >`
    select name, kind, nullif(registry, '') as registry, tried_at, synced_at, error::text as error, counts::text as counts, notes
    from people_source where name = any(${d.config.peopleSources.map(({ name }) => name)}) order by name`
  const now = d.clock().getTime()
  return rows.map(({ error, counts, ...row }) => ({
    ...row,
    age: row.syncedAt === null ? null : Math.max(0, Math.floor((now - row.syncedAt.getTime()) / 1000)),
    error: error === null ? null : errorOf(error),
    counts: counts === null ? null : (JSON.parse(counts) as PeopleSourceView['counts']),
  }))
}

/** What it lacks, where it is held, is a digest for syncPeople alone. */
function errorOf(text: string): PeopleSourceView['error'] {
  const { code, message } = JSON.parse(text) as NonNullable<PeopleSourceView['error']>
  return { code, message }
}
