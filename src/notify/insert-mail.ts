import { randomUUID } from 'node:crypto'
import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { enqueueMail, laneOf } from './enqueue-mail.ts'
import { mailDomain } from './mail-headers.ts'
import { senderOf } from './sender-of.ts'

/**
 * `also`: users besides userName whom it is for, at the same address. `about`: the repositories of which all of them must hear to be written to,
 * each "NAMESPACE host/repository"; `named`: see readers.ts; `plan`: that was stopped, and the number of that stop.
 */
export type NewMail = {
  to: string
  userName: string
  also: string[]
  subject: string
  text: string
  html: string
  about: string[]
  named: string[]
  references: string[]
  plan: { id: string; stop: number }
}

/** A mail without notices and its job; kept, without one, where nothing is sent. Its Message-ID is fixed here. Answers its id. */
export async function insertMail(
  d: Pick<Deps, 'jobs' | 'clock' | 'config' | 'mailer'>,
  tx: Tx,
  mail: NewMail,
): Promise<string> {
  const id = randomUUID()
  const kept = senderOf(d).mailer === null
  await tx`
    insert into mail (id, message_id, user_name, "to", subject, text, html, state, created_at, about, named, "references", also, plan_id, plan_stop)
    values (${id}, ${`<${id}@${mailDomain(d.config)}>`}, ${mail.userName}, ${mail.to}, ${mail.subject}, ${mail.text},
      ${mail.html}, ${kept ? 'kept' : 'pending'}::mail_state, ${d.clock()}, ${mail.about}, ${mail.named}, ${mail.references},
      ${mail.also}, ${mail.plan.id}, ${mail.plan.stop})`
  if (!kept) await enqueueMail(d, tx, [laneOf(id)])
  return id
}
