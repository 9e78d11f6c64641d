/**
 * In: the flags as they are, and what Portus was last asked to look at.
 * Out: Portus looking again at every tag whose flags are not what they were then; rows of `portus_look`.
 * Guarantees: a tag is marked as asked only once Portus said so; a Portus that is away is asked again later, and holds up nothing else.
 */
import { z } from 'zod'
import type { Deps } from '../deps.ts'
import { parseReference } from '../oci/reference.ts'
import { makeAsker } from '../people/sources/ask-json.ts'
import { readAll } from '../people/sources/read-all.ts'
import { usualLimits } from '../people/sources/source.ts'

type Needs = Pick<Deps, 'sql' | 'clock' | 'config' | 'log'>
type Portus = NonNullable<Deps['config']['portus']> & { username: string; token: string }

/** More tags than this, and Portus is asked to look at all it has, in one call. */
const mostOneByOne = 100
const Repositories = z.array(z.object({ id: z.int(), full_name: z.string() }))
const Tags = z.array(z.object({ id: z.int(), name: z.string() }))

/** Who may have Portus look again: an admin of it; null where none is configured, or it does not ask us. */
export const askablePortus = ({ portus, scanner }: Pick<Deps['config'], 'portus' | 'scanner'>): Portus | null =>
  scanner && portus !== null && portus.username !== null && portus.token !== null
    ? { ...portus, username: portus.username, token: portus.token }
    : null

/** Enqueues the job, where there is a Portus to ask. */
export async function queuePortus(d: Pick<Deps, 'sql' | 'jobs' | 'config'>): Promise<void> {
  if (askablePortus(d.config) !== null) await d.jobs.enqueue(d.sql, 'portus', {}, { key: 'portus', queue: 'portus' })
}

/** The job. `refs`: tags to be looked at whatever was asked before. Rejects where Portus does not answer. */
export async function askPortus(
  d: Needs,
  { refs = [] }: { refs?: readonly string[] },
  signal: AbortSignal,
): Promise<void> {
  const portus = askablePortus(d.config)
  if (portus === null) return
  const changed = await changedSince(d, refs)
  if (changed.length === 0) return
  const asker = makeAsker(portus, { 'portus-auth': `${portus.username}:${portus.token}` }, usualLimits)
  try {
    if (changed.length > mostOneByOne) {
      await asker.post('/api/v1/vulnerabilities', signal)
      await noteAsked(d, changed)
    } else await lookAtEach(d, asker, changed, signal)
  } finally {
    asker.close()
  }
  d.log.info({ tags: changed.length }, 'asked Portus to look again')
}

type Changed = { ref: string; shown: string | null }

/** Tags whose flags are other than when Portus was asked last. `shown` null: nothing is wrong with it any more. */
const changedSince = (d: Pick<Deps, 'sql'>, refs: readonly string[]): Promise<Changed[]> => d.sql<Changed[]>`
  with flagged as (
    select t.ref, md5(string_agg(c.base || ' ' || coalesce(c.via, '') || ' ' || c.to_digest || ' ' || c.confidence::text, ',' order by c.base, c.role)) as shown
    from cause c join tag t on t.id = c.tag_id join repository r on r.id = t.repository_id join registry g on g.id = r.registry_id
    where c.counted and t.head_digest is not null and t.ignored is null and not g.outside group by t.ref
  )
  select coalesce(flagged.ref, look.ref) as ref, flagged.shown from flagged full join portus_look look on look.ref = flagged.ref
  where flagged.shown is distinct from look.shown or coalesce(flagged.ref, look.ref) = any(${[...refs]}::text[])
  union select ref, null from unnest(${[...refs]}::text[]) asked (ref)
  where not exists (select from flagged where flagged.ref = asked.ref)
  order by 1`

async function noteAsked(d: Pick<Deps, 'sql' | 'clock'>, changed: readonly Changed[]): Promise<void> {
  const gone = changed.filter(({ shown }) => shown === null).map(({ ref }) => ref)
  const here = changed.filter(({ shown }) => shown !== null)
  await d.sql.begin(async (tx) => {
    await tx`delete from portus_look where ref = any(${gone})`
    await tx`
      insert into portus_look (ref, shown, asked_at)
      select ref, shown, ${d.clock()}::timestamptz from unnest(${here.map(({ ref }) => ref)}::text[], ${here.map(({ shown }) => shown)}::text[]) as asked (ref, shown)
      on conflict (ref) do update set shown = excluded.shown, asked_at = excluded.asked_at`
  })
}

/** Repository by repository. What Portus does not know (yet) it will look at by itself when it does. */
async function lookAtEach(
  d: Needs,
  asker: ReturnType<typeof makeAsker>,
  changed: readonly Changed[],
  signal: AbortSignal,
): Promise<void> {
  const repositories = new Map(
    (await readAll(asker, Repositories, '/api/v1/repositories', signal)).map((r) => [r.full_name, r.id]),
  )
  for (const [repository, own] of Map.groupBy(changed, ({ ref }) => parseReference(ref)?.repository ?? '')) {
    const id = repositories.get(repository)
    const tags = id === undefined ? [] : await readAll(asker, Tags, `/api/v1/repositories/${id}/tags`, signal)
    for (const { ref } of own)
      for (const tag of tags.filter(({ name }) => name === parseReference(ref)?.tag))
        await asker.post(`/api/v1/vulnerabilities/${tag.id}`, signal)
    await noteAsked(d, own)
  }
}
