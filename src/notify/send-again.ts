import type { Deps } from '../deps.ts'
import { sendNow } from './address-faults.ts'
import { isMailId } from './mails.ts'
import { senderOf } from './sender-of.ts'
import { isTold, lockAnew } from './stops.ts'

type Outcome = 'due' | 'not-found' | 'sent' | 'kept' | 'forgotten' | 'over'
type Found = { to: string; state: 'pending' | 'failed' | 'sent' | 'kept'; text: string; over: boolean }

/**
 * Tries a mail now that waits or was given up, whatever is known against its address. Of one whose notices were let go, they come in
 * another. One that was kept is sent where mails are sent now. `sent`, `kept`: it is that, and stays so; `forgotten`: it was kept, and its text is
 * not any more; `over`: it tells of a plan that was stopped, and that plan is not stopped any more, or all its
 * users are told by another mail.
 */
export async function sendAgain(
  d: Pick<Deps, 'sql' | 'jobs' | 'clock' | 'config' | 'mailer'>,
  id: string,
): Promise<Outcome> {
  if (!isMailId(id)) return 'not-found'
  const found = await d.sql.begin(async (tx) => {
    await lockAnew(tx)
    const [mail] = await tx<Found[]>`
      select m."to", m.state, m.text, ${isTold(tx)} as over from mail m where m.id = ${id} for update of m`
    if (!mail) return { not: 'not-found' } as const
    const not = reasonNot(d, mail)
    if (not !== null) return { not }
    await tx`update address_fault set next_try_at = ${d.clock()} where address = lower(${mail.to})`
    await tx`
      update mail m set state = 'pending', refusals = 0, barred_at = null, next_try_at = null
      where m.id = ${id} and (m.about <> '{}' or exists (select from notice n where n.mail_id = m.id))`
    await tx`
      update notice n set error = null, tried_at = null from person p
      where n.mail_id is null and n.error is not null and p.name = n.user_name and lower(p.email) = lower(${mail.to})`
    return { not: null, to: mail.to }
  })
  if (found.not !== null) return found.not
  await sendNow(d, found.to)
  return 'due'
}

function reasonNot(d: Parameters<typeof senderOf>[0], { state, text, over }: Found): Exclude<Outcome, 'due'> | null {
  if (state === 'sent') return 'sent'
  if (state === 'kept' && senderOf(d).mailer === null) return 'kept'
  if (state === 'kept' && text === '') return 'forgotten'
  return over ? 'over' : null
}
