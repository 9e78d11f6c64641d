import { createTransport } from 'nodemailer'
import type { Config } from '../config.ts'
import { asMailError } from './mail-error.ts'
import { mailHeaders, type Thread } from './mail-headers.ts'

/**
 * One mail to one address. `messageId` with its angle brackets; `date` becomes the Date header; `references`: Message-IDs of the threads it
 * is of; `unsubscribe`: an address that ends these mails, null where there is none.
 */
export type Letter = Thread & {
  messageId: string
  to: string
  subject: string
  text: string
  html: string
  date: Date
  unsubscribe: string | null
}

/** Hands a letter to the mail server, and resolves when the server has taken charge of it. Otherwise a MailError. */
export type Mailer = { send(letter: Letter): Promise<void>; close(): void }

/** Milliseconds. A mail server that says nothing holds up a lane for no longer. */
const timeouts = { dnsTimeout: 10_000, connectionTimeout: 10_000, greetingTimeout: 10_000, socketTimeout: 60_000 }

/** Mails sent at the same time, each over a connection of its own and holding one to the database while the mail server thinks. */
export const lanes = 4

/**
 * A mailer over SMTP (SMTP_URL: `smtp[s]://user:pass@host:port`; `smtp` uses STARTTLS where the server offers it), or null where
 * none is configured. A connection a lane is kept and used again; after a refusal it is reset (RSET), after any other failure closed, so
 * that nothing of one letter is left to the next. What the library sends anew by itself, it has not begun to send before.
 */
export function makeMailer(config: Pick<Config, 'smtpUrl' | 'mailFrom' | 'publicUrl'>): Mailer | null {
  if (config.smtpUrl === null) return null
  const transport = createTransport({
    ...{ url: config.smtpUrl, pool: true, maxConnections: lanes, maxRequeues: 1, idleTimeout: 30_000 },
    ...timeouts,
    disableFileAccess: true,
    disableUrlAccess: true,
  })
  const from = config.mailFrom
  return {
    async send({ to, unsubscribe, references, ...letter }) {
      try {
        await transport.sendMail({
          ...letter,
          ...(from === null ? {} : { from }),
          // as an object: an address is never parsed for a second one
          to: { name: '', address: to },
          ...mailHeaders({ references, unsubscribe }, config),
        })
      } catch (error) {
        throw asMailError(error)
      }
    },
    close: () => transport.close(),
  }
}
