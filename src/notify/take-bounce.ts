import type { Deps } from '../deps.ts'
import type { BounceReport, ReportedRecipient } from './bounce-report.ts'
import { enqueueMail, laneOf } from './enqueue-mail.ts'
import { judgeBounce, type Returned } from './judge-bounce.ts'
import { type RefusedMail, refuseMail } from './refuse-mail.ts'

/**
 * What was found in a report, and what became of it. `mail`: the id of the mail that it names, where that is one of ours. `outcome`: the address
 * or this very mail was refused; that what it was sent on to was is noted; or nothing changed, and `because` says why.
 */
export type TakenBounce = {
  mail: string | null
  messageId: string | null
  outcome: 'address-refused' | 'mail-refused' | 'noted' | 'nothing'
  because: string
  recipients: ReportedRecipient[]
}

type Row = RefusedMail & Returned

/**
 * A mail that came back is as if it had been refused (refuse-mail.ts). Its row is locked first: where the report is quicker than the outbox, it waits
 * until that has written that the mail was sent. Key: the report's id, kept with the mail, so that the same report counts once.
 */
export async function takeBounce(
  d: Pick<Deps, 'sql' | 'jobs' | 'clock' | 'log'>,
  report: BounceReport,
): Promise<TakenBounce> {
  const { messageId, recipients } = report
  return d.sql.begin(async (tx) => {
    const [mail] = await tx<Row[]>`
      select id, "to", attempts, refusals, barred_at, state, sent_at, text <> '' as has_words, coalesce(bounces, '{}') as bounces
      from mail where message_id = ${messageId} for update`
    const judged = judgeBounce(report, mail ?? null, d.clock())
    const found = { mail: mail?.id ?? null, messageId, recipients }
    if (judged.kind === 'nothing' || !mail) {
      const because = judged.kind === 'nothing' ? judged.because : 'no mail of ours is named'
      d.log.info({ mailId: found.mail, because }, 'bounce changes nothing')
      return { ...found, outcome: 'nothing', because }
    }
    const read = tx`bounces = array_append(coalesce(bounces, '{}'), ${report.id})`
    if (judged.kind === 'noted') {
      await tx`update mail set error = ${judged.message}, ${read} where id = ${mail.id}`
      d.log.warn({ mailId: mail.id, error: judged.message }, 'mail came back from where it was sent on to')
      return { ...found, outcome: 'noted', because: judged.message }
    }
    const refusal = await refuseMail(d, tx, mail, judged, { bounced: true, isStale: judged.isStale })
    await tx`
      update mail set state = ${refusal.state}::mail_state, error = ${refusal.error}, next_try_at = ${refusal.nextTryAt}, sent_at = null,
        refusals = refusals + ${refusal.refused ? 1 : 0}, ${read} where id = ${mail.id}`
    if (refusal.nextTryAt) await enqueueMail(d, tx, [laneOf(mail.id)], refusal.nextTryAt)
    d.log.warn({ mailId: mail.id, ...refusal }, 'mail came back')
    return { ...found, outcome: judged.code, because: judged.message }
  })
}
