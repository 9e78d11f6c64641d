/**
 * In: a lane of the outbox, or one mail of it.
 * Out: each mail that is due with the SMTP server, and its row saying so; or the row saying why not, and when it is tried again.
 * Guarantees: a mail with state sent is never sent again; dying in the exchange repeats it, if at all, under the same Message-ID. Nobody is
 * written to who is not to be written to any more, and what they were to hear waits again. One mail's fault holds up no other.
 */
import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { clearFault, faultOf, recordFault } from './address-faults.ts'
import { enqueueMail, laneOfRow } from './enqueue-mail.ts'
import { MailError } from './mail-error.ts'
import type { Letter, Mailer } from './mailer.ts'
import { takeBack, whyNotNow } from './take-back.ts'
import { signUnsubscribe, unsubscribeUrl } from './unsubscribe-token.ts'

type Needs = Pick<Deps, 'sql' | 'jobs' | 'clock' | 'log' | 'config' | 'mailer' | 'vault'>

type Outcome = { state: 'sent' | 'kept' } | { state: 'failed' | 'pending'; error: string; nextTryAt: Date | null }

const hour = 3_600_000
/** After so many refusals in a row, over five days, a mail to that address is given up (RFC 5321 4.5.4.1 says four to five days). */
const mostRefusals = 10
/** No mail is put off for longer: what seems to be is of a clock that was ahead. */
const longestWait = 24 * hour
const atOnce = 200

/** Sends what is due, oldest first, and has the next looked at when it is. Rejects, once all were tried, where a fault of ours kept one. */
export async function sendLane(d: Needs, lane: number): Promise<void> {
  const tried = new Set<string>()
  const faults: unknown[] = []
  for (let ids = await dueIn(d, lane, tried); ids.length > 0; ids = await dueIn(d, lane, tried))
    for (const id of ids) {
      tried.add(id)
      await send(d, id).catch((error: unknown) => faults.push(error))
    }
  await lookAgain(d, lane)
  if (faults.length > 0) throw faults[0]
}

async function dueIn(d: Needs, lane: number, tried: ReadonlySet<string>): Promise<string[]> {
  const now = d.clock()
  const rows = await d.sql<{ id: string }[]>`
    select id from mail where state = 'pending' and ${laneOfRow(d.sql)} = ${lane} and id <> all(${[...tried]}::uuid[])
      and (next_try_at is null or next_try_at <= ${now} or next_try_at > ${new Date(now.getTime() + longestWait)})
    order by created_at, id limit ${atOnce}`
  return rows.map(({ id }) => id)
}

async function lookAgain(d: Needs, lane: number): Promise<void> {
  const [next] = await d.sql<{ at: Date | null }[]>`
    select min(next_try_at) as at from mail where state = 'pending' and ${laneOfRow(d.sql)} = ${lane}`
  if (next?.at) await enqueueMail(d, d.sql, [lane], next.at)
}

type Row = Omit<Letter, 'date' | 'unsubscribe'> & { id: string; userName: string; attempts: number; createdAt: Date }

/**
 * The row is locked until the outcome is written, in one transaction: who comes second waits and then finds it done, and a death lets go
 * of it as it was.
 */
export async function send(d: Needs, mailId: string): Promise<void> {
  await d.sql.begin(async (tx) => {
    const [mail] = await tx<Row[]>`
      select id, message_id, "references", user_name, "to", subject, text, html, attempts, created_at from mail
      where id = ${mailId} and state = 'pending' for update`
    if (!mail) return
    const why = await whyNotNow(tx, mail)
    if (why !== null) {
      await takeBack(d, tx, mail, why)
      return d.log.info({ mailId, why }, 'mail taken back')
    }
    const fault = await faultOf(d, tx, mail.to)
    const outcome: Outcome =
      fault === null
        ? await attempt(d, tx, mail)
        : { state: 'pending', error: fault.message, nextTryAt: fault.nextTryAt }
    const now = d.clock()
    await tx`
      update mail set state = ${outcome.state}::mail_state, error = ${'error' in outcome ? outcome.error : null},
        attempts = attempts + ${fault === null && outcome.state !== 'kept' ? 1 : 0},
        next_try_at = ${'nextTryAt' in outcome ? outcome.nextTryAt : null}, sent_at = ${outcome.state === 'sent' ? now : null}
      where id = ${mailId}`
    const level = outcome.state === 'failed' ? 'error' : outcome.state === 'pending' ? 'warn' : 'info'
    d.log[level]({ mailId, ...outcome }, 'mail tried')
  })
}

/** Milliseconds to wait after so many tries: 1, 2, 4, … 60 minutes, and then every hour for as long as it takes. */
export const backOff = (attempts: number): number => Math.min(2 ** (attempts - 1), 60) * 60_000

async function attempt(d: Needs, tx: Tx, mail: Row): Promise<Outcome> {
  if (d.mailer === null || d.config.observe) return { state: 'kept' }
  const error = await deliver(d, d.mailer, mail)
  if (error === null) {
    await clearFault(tx, mail.to)
    return { state: 'sent' }
  }
  const now = d.clock()
  const { message } = error
  if (error.code === 'mail-delayed')
    return { state: 'pending', error: message, nextTryAt: new Date(now.getTime() + backOff(mail.attempts + 1)) }
  if (error.code === 'mail-refused') return { state: 'failed', error: message, nextTryAt: null }
  const { refusals, nextTryAt } = await recordFault(tx, { address: mail.to, message, at: now })
  return refusals >= mostRefusals
    ? { state: 'failed', error: message, nextTryAt: null }
    : { state: 'pending', error: message, nextTryAt }
}

/** Null: the mail server has it. */
async function deliver(d: Needs, mailer: Mailer, mail: Row): Promise<MailError | null> {
  const { messageId, references, to, subject, text, html, createdAt: date } = mail
  const token = signUnsubscribe(d.vault, { person: mail.userName, namespace: null })
  const unsubscribe = unsubscribeUrl(d.config.publicUrl, token)
  try {
    await mailer.send({ messageId, references, to, subject, text, html, date, unsubscribe })
    return null
  } catch (error) {
    if (error instanceof MailError) return error
    throw error
  }
}
