/**
 * in: wishes to hear nothing, until a time, of a tag, or of what a base does to the tags on it.
 * out: rows of `snooze`; jobs at their ends, when mails and builds come as if the flag had just been raised.
 * guarantees: one a (kind, ref); facts and verdicts stay as they are.
 */
import type { Fragment, Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { withdrawNotices } from '../notify/withdraw-notices.ts'

export type Snooze = {
  id: string
  kind: 'tag' | 'base'
  ref: string
  reason: string
  author: string
  createdAt: Date
  expiresAt: Date
}
type Needs = Pick<Deps, 'sql' | 'jobs' | 'clock'>

/** A job may start a little before our clock says it is time. */
const afterwards = 1000
/** An ended snooze is kept for so long: by it, notices know what to tell again. */
const keptFor = 30 * 86_400_000

/** Takes the place of another of the same kind and ref. */
export async function addSnooze(
  d: Needs,
  { kind, ref, reason, author, expiresAt }: Pick<Snooze, 'kind' | 'ref' | 'reason' | 'author' | 'expiresAt'>,
): Promise<Snooze> {
  const now = d.clock()
  return d.sql.begin(async (tx) => {
    await tx`delete from snooze where expires_at < ${new Date(now.getTime() - keptFor)}`
    const [stored] = await tx<Snooze[]>`
      insert into snooze (kind, ref, reason, author, created_at, expires_at)
      values (${kind}::snooze_kind, ${ref}, ${reason}, ${author}, ${now}, ${expiresAt})
      on conflict (kind, ref) do update set reason = excluded.reason, author = excluded.author, created_at = excluded.created_at,
        expires_at = excluded.expires_at
      returning id, kind, ref, reason, author, created_at, expires_at`
    if (!stored) throw new Error('an insert gave no row')
    await withdrawNotices(tx, kind === 'tag' ? { refs: [ref] } : { base: ref })
    const runAt = new Date(expiresAt.getTime() + afterwards)
    await d.jobs.enqueue(tx, 'notify', {}, { key: `notify:snooze:${stored.id}`, queue: 'notify', runAt })
    await d.jobs.enqueue(tx, 'plan', {}, { key: `plan:snooze:${stored.id}`, queue: 'plan', runAt })
    await lookAgain(d, tx)
    return stored
  })
}

/** Those that have not ended, the first to end first. `mine`: a condition on `ref`; without it all. */
export const listSnoozes = (
  d: Pick<Deps, 'sql' | 'clock'>,
  { after, limit, mine }: { after: readonly [string, string] | null; limit: number; mine?: Fragment },
): Promise<Snooze[]> => d.sql<Snooze[]>`
  select id, kind, ref, reason, author, created_at, expires_at from snooze
  where expires_at > ${d.clock()} and ${mine ?? d.sql`true`}
    and (${after === null} or (expires_at, id) > (${after?.[0] ?? '2000-01-01'}::timestamptz, ${after?.[1] ?? crypto.randomUUID()}::uuid))
  order by expires_at, id limit ${limit}`

/** False: there is none. Mails and builds that it held up come now. */
export const removeSnooze = (d: Needs, id: string): Promise<boolean> =>
  d.sql.begin(async (tx) => {
    const gone = await tx`delete from snooze where id = ${id}::uuid and expires_at > ${d.clock()}`
    if (gone.count > 0) await lookAgain(d, tx)
    return gone.count > 0
  })

async function lookAgain(d: Pick<Deps, 'jobs'>, tx: Tx): Promise<void> {
  await d.jobs.enqueue(tx, 'notify', {}, { key: 'notify', queue: 'notify' })
  await d.jobs.enqueue(tx, 'plan', {}, { key: 'plan', queue: 'plan' })
}

/** Whether anything here is called so: a tag, or a base that some tag names or moved with. A snooze of a slip of the pen holds nothing up. */
export async function isKnown(d: Pick<Deps, 'sql'>, kind: Snooze['kind'], ref: string): Promise<boolean> {
  const [found] = await d.sql<{ tag: boolean; base: boolean }[]>`
    select exists (select from tag where ref = ${ref}) as tag,
      exists (select from declaration where name = ${ref}) or exists (select from cause where base = ${ref} or via = ${ref}) as base`
  return found !== undefined && (found.tag || (kind === 'base' && found.base))
}
