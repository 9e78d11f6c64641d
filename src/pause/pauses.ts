import type { Fragment, Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'

/** `scope`: a namespace's key, or `*` for everywhere. `by`: who asked for it, as shown to others. */
export type Pause = { scope: string; reason: string | null; by: string | null; since: Date }

/** By scope, `*` first; those after `after`. `mine`: a condition on `scope`; without it all. */
export const listPauses = (
  d: Pick<Deps, 'sql'>,
  { after, limit, mine }: { after: string | null; limit: number; mine?: Fragment },
): Promise<Pause[]> => d.sql<Pause[]>`
  select scope, reason, by, since from pause
  where (${after}::text is null or scope collate "C" > ${after}) and ${mine ?? d.sql`true`} order by scope collate "C" limit ${limit}`

/** All of them, for mayStart: they are few. */
export const loadPauses = (tx: Tx): Promise<Omit<Pause, 'since'>[]> =>
  tx<Omit<Pause, 'since'>[]>`select scope, reason, by from pause`

/** Pauses a scope; one that is paused already gets the new reason, and has been since then. */
export async function putPause(
  d: Pick<Deps, 'sql' | 'clock'>,
  { scope, reason, by }: Pick<Pause, 'scope' | 'reason' | 'by'>,
): Promise<Pause> {
  const [stored] = await d.sql<Pause[]>`
    insert into pause (scope, reason, by, since) values (${scope}, ${reason}, ${by}, ${d.clock()})
    on conflict (scope) do update set reason = excluded.reason, by = excluded.by
    returning scope, reason, by, since`
  if (!stored) throw new Error('an insert gave no row')
  return stored
}

/** Ends a pause: what it held up is looked at now. False where there was none. */
export const removePause = (d: Pick<Deps, 'sql' | 'jobs'>, scope: string): Promise<boolean> =>
  d.sql.begin(async (tx) => {
    const gone = await tx`delete from pause where scope = ${scope}`
    if (gone.count > 0) await d.jobs.enqueue(tx, 'plan', {}, { key: 'plan', queue: 'plan' })
    return gone.count > 0
  })
