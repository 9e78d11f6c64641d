import type { Deps } from '../deps.ts'
import { sendNow } from './address-faults.ts'
import { isMailId } from './mails.ts'
import { isTold, lockAnew } from './stops.ts'

/**
 * Tries a mail now that waits or was given up, whatever is known against its address. Of one whose notices were let go, they come in
 * another. `sent`, `kept`: it is that, and stays so; `over`: it tells of a plan that was stopped, and that plan is not stopped any more, or all its
 * users are told by another mail.
 */
export async function sendAgain(
  d: Pick<Deps, 'sql' | 'jobs' | 'clock'>,
  id: string,
): Promise<'due' | 'not-found' | 'sent' | 'kept' | 'over'> {
  if (!isMailId(id)) return 'not-found'
  const found = await d.sql.begin(async (tx) => {
    await lockAnew(tx)
    const [mail] = await tx<{ to: string; state: 'pending' | 'failed' | 'sent' | 'kept'; over: boolean }[]>`
      select m."to", m.state, ${isTold(tx)} as over from mail m where m.id = ${id} for update of m`
    if (!mail || mail.state === 'sent' || mail.state === 'kept' || mail.over) return mail
    await tx`update address_fault set next_try_at = ${d.clock()} where address = lower(${mail.to})`
    await tx`
      update mail m set state = 'pending', refusals = 0, barred_at = null, next_try_at = null
      where m.id = ${id} and (m.about <> '{}' or exists (select from notice n where n.mail_id = m.id))`
    await tx`
      update notice n set error = null, tried_at = null from person p
      where n.mail_id is null and n.error is not null and p.name = n.user_name and lower(p.email) = lower(${mail.to})`
    return mail
  })
  if (!found) return 'not-found'
  if (found.state === 'sent' || found.state === 'kept') return found.state
  if (found.over) return 'over'
  await sendNow(d, found.to)
  return 'due'
}
