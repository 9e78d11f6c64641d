import { randomUUID } from 'node:crypto'
import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { enqueueMail } from './enqueue-mail.ts'

export type NewMail = { to: string; userName: string; subject: string; text: string; html: string }

/** A mail and its job; kept, without one, where nothing is sent. Its Message-ID is fixed here. Answers its id. */
export async function insertMail(
  d: Pick<Deps, 'jobs' | 'clock' | 'config' | 'mailer'>,
  tx: Tx,
  mail: NewMail,
): Promise<string> {
  const id = randomUUID()
  const kept = d.config.observe || d.mailer === null
  await tx`
    insert into mail (id, message_id, user_name, "to", subject, text, html, state, created_at)
    values (${id}, ${`<${id}@${messageIdDomain(d.config)}>`}, ${mail.userName}, ${mail.to}, ${mail.subject}, ${mail.text},
      ${mail.html}, ${kept ? 'kept' : 'pending'}::mail_state, ${d.clock()})`
  if (!kept) await enqueueMail(d, tx, id)
  return id
}

/** The domain of MAIL_FROM, else the host of our own address: what RFC 5322 3.6.4 wants on the right of a Message-ID. */
function messageIdDomain({ mailFrom, publicUrl }: Pick<Deps['config'], 'mailFrom' | 'publicUrl'>): string {
  const domain = /@([A-Za-z0-9.-]+)>?\s*$/.exec(mailFrom ?? '')?.[1]
  return domain ?? new URL(publicUrl).hostname
}
