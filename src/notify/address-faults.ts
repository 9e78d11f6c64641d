import type { Fragment, Sql, Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { allLanes, enqueueMail } from './enqueue-mail.ts'

/** An address that a mail server, or a bounce, said to be wrong: written to again only when it is time. */
export type AddressFault = { address: string; message: string; refusals: number; since: Date; nextTryAt: Date }

const hour = 3_600_000
const longestWait = 24 * hour
/** So long after a bounce a mail that is taken does not show that its address works: the next bounce may be on its way. */
const bouncesFor = 7 * longestWait

/** How long is waited after so many refusals in a row: 1, 2, 4, 8, 16, and then 24 hours. */
export const hoursAfter = (refusals: number): number => Math.min(2 ** (refusals - 1), 24)

/**
 * The condition that a row `f` keeps an address from being written to. A fault that is put off further than any is, by a clock that was
 * ahead, does not.
 */
export const isFaulty = (sql: Tx, address: Fragment, now: Date) => sql`
  f.address = lower(${address}) and f.next_try_at > ${now} and f.next_try_at <= ${new Date(now.getTime() + longestWait)}`

/** The condition that a row of address_fault is of an address that sent a mail back of late: more than a mail server's taking one ends it. */
export const bouncesWithin = (sql: Tx, now: Date) => sql`
  (address_fault.bounced_at is not null and address_fault.bounced_at between ${new Date(now.getTime() - bouncesFor)} and ${now})`

/**
 * Another refusal: how many there were in a row, and when it may be tried again: after 1, 2, 4, 8, 16 and then every 24 hours. `bounced`: it was said by
 * a mail that came back; while the address is not tried anyway, that is of one sent before and counts no more. Key: the address in lower case.
 */
export async function recordFault(
  tx: Tx,
  { address, message, at, bounced = false }: { address: string; message: string; at: Date; bounced?: boolean },
): Promise<Pick<AddressFault, 'refusals' | 'nextTryAt'>> {
  const known = tx`(${bounced} and address_fault.next_try_at > ${at} and address_fault.next_try_at <= ${new Date(at.getTime() + longestWait)})`
  const [row] = await tx<{ refusals: number; nextTryAt: Date }[]>`
    insert into address_fault (address, message, refusals, since, next_try_at, bounced_at)
    values (lower(${address}), ${message}, 1, ${at}, ${new Date(at.getTime() + hour)}, ${bounced ? at : null})
    on conflict (address) do update set message = excluded.message, bounced_at = coalesce(excluded.bounced_at, address_fault.bounced_at),
      refusals = address_fault.refusals + case when ${known} then 0 else 1 end,
      next_try_at = case when ${known} then address_fault.next_try_at
        else ${at}::timestamptz + least(power(2, least(address_fault.refusals, 10)), 24) * interval '1 hour' end
    returning refusals, next_try_at`
  if (!row) throw new Error('an upsert gave no row')
  return row
}

/** It works, or was mended. False where there was none. */
export async function clearFault(tx: Tx | Sql, address: string): Promise<boolean> {
  const { count } = await tx`delete from address_fault where address = lower(${address})`
  return count > 0
}

/** By address. `cursor`: the last address of the page before. */
export async function listFaults(
  { sql }: Pick<Deps, 'sql'>,
  { cursor, limit }: { cursor: string | null; limit: number },
): Promise<{ items: AddressFault[]; next: string | null }> {
  const rows = await sql<AddressFault[]>`
    select address, message, refusals, since, next_try_at from address_fault
    where (${cursor}::text is null or address > ${cursor}) order by address limit ${limit + 1}`
  const items = rows.slice(0, limit)
  return { items, next: rows.length > limit ? (items.at(-1)?.address ?? null) : null }
}

/** What waits for an address is due now; what waits unwritten for it too. */
export async function sendNow(d: Pick<Deps, 'sql' | 'jobs'>, address: string): Promise<void> {
  await d.sql.begin(async (tx) => {
    await tx`update mail set next_try_at = null where state = 'pending' and lower("to") = lower(${address})`
    await enqueueMail(d, tx, allLanes())
    await d.jobs.enqueue(tx, 'notify', {}, { key: 'notify', queue: 'notify' })
  })
}
