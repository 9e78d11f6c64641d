/**
 * In: the id of a mail.
 * Out: the mail with the SMTP server, and its row saying so; or the row saying why not, and when it is tried again.
 * Guarantees: a mail with state sent is never sent again; dying in the exchange repeats it, if at all, under the same Message-ID.
 */
import type { Deps } from '../deps.ts'
import { enqueueMail } from './enqueue-mail.ts'
import { type Letter, MailError, type Mailer } from './mailer.ts'

type Needs = Pick<Deps, 'sql' | 'jobs' | 'clock' | 'log' | 'config' | 'mailer'>

type Outcome = { state: 'sent' } | { state: 'kept' } | { state: 'failed' | 'pending'; error: string }

/**
 * The row is locked until the outcome is written, in one transaction: a second job of the same mail waits and then finds it
 * done, and a death lets go of it as it was. An SMTP server takes or refuses each mail by itself, so that none holds up another.
 */
export async function send(d: Needs, mailId: string): Promise<void> {
  await d.sql.begin(async (tx) => {
    const [mail] = await tx<(Omit<Letter, 'date'> & { attempts: number; createdAt: Date })[]>`
      select message_id, "to", subject, text, html, attempts, created_at from mail
      where id = ${mailId} and state = 'pending' for update`
    if (!mail) return
    const outcome = await tryToSend(d, { ...mail, date: mail.createdAt })
    const now = d.clock()
    const attempts = mail.attempts + (outcome.state === 'kept' ? 0 : 1)
    const nextTryAt = outcome.state === 'pending' ? new Date(now.getTime() + backOff(attempts)) : null
    await tx`
      update mail set state = ${outcome.state}::mail_state, attempts = ${attempts}, next_try_at = ${nextTryAt},
        error = ${'error' in outcome ? outcome.error : null}, sent_at = ${outcome.state === 'sent' ? now : null}
      where id = ${mailId}`
    if (nextTryAt) await enqueueMail(d, tx, mailId, nextTryAt)
    d.log[outcome.state === 'failed' ? 'error' : outcome.state === 'pending' ? 'warn' : 'info'](
      { mailId, ...outcome, nextTryAt },
      'mail tried',
    )
  })
}

/** Milliseconds to wait after so many tries: 1, 2, 4, … 60 minutes, and then every hour for as long as it takes. */
export const backOff = (attempts: number): number => Math.min(2 ** (attempts - 1), 60) * 60_000

async function tryToSend(d: Pick<Needs, 'config' | 'mailer'>, letter: Letter): Promise<Outcome> {
  if (d.mailer === null || d.config.observe) return { state: 'kept' }
  return deliver(d.mailer, letter)
}

async function deliver(mailer: Mailer, { messageId, to, subject, text, html, date }: Letter): Promise<Outcome> {
  try {
    await mailer.send({ messageId, to, subject, text, html, date })
    return { state: 'sent' }
  } catch (error) {
    if (!(error instanceof MailError)) throw error
    return { state: error.retryable ? 'pending' : 'failed', error: error.message }
  }
}
