import type { Deps } from '../deps.ts'

const day = 86_400_000
/** Of one statement. */
const atOnce = 1000

/**
 * Empties text and HTML of mails that were sent, or kept, more than DRYDOCK_KEEP_MAILS days ago; 0 = never. To whom one went when, and what of,
 * stays: it is how nobody is told twice. Answers how many.
 */
export async function forgetMails({ sql, clock, config }: Pick<Deps, 'sql' | 'clock' | 'config'>): Promise<number> {
  if (config.keepMails === 0) return 0
  const before = new Date(clock().getTime() - config.keepMails * day)
  let all = 0
  for (let count = atOnce; count === atOnce; all += count)
    ({ count } = await sql`
      update mail set text = '', html = '' where id in (
        select id from mail where state in ('sent', 'kept') and coalesce(sent_at, created_at) < ${before} and (text <> '' or html <> '') limit ${atOnce})`)
  return all
}
