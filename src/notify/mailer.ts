import { createTransport } from 'nodemailer'
import type { Config } from '../config.ts'

/** One mail to one address. `messageId` with its angle brackets; `date` becomes the Date header. */
export type Letter = { messageId: string; to: string; subject: string; text: string; html: string; date: Date }

/** Hands a letter to the mail server, and resolves when the server has taken charge of it. Otherwise a MailError. */
export type Mailer = { send(letter: Letter): Promise<void> }

/** Why a letter was not taken. `mail-refused`: for good; `mail-delayed`: another time may do. */
export class MailError extends Error {
  readonly code: 'mail-refused' | 'mail-delayed'
  readonly retryable: boolean

  constructor(code: 'mail-refused' | 'mail-delayed', message: string, cause: unknown) {
    super(message, { cause })
    this.name = 'MailError'
    this.code = code
    this.retryable = code === 'mail-delayed'
  }
}

/** Milliseconds. A mail server that says nothing holds up a lane for no longer. */
const timeouts = { dnsTimeout: 10_000, connectionTimeout: 10_000, greetingTimeout: 10_000, socketTimeout: 60_000 }

/**
 * A mailer over SMTP (SMTP_URL: `smtp[s]://user:pass@host:port`; `smtp` uses STARTTLS where the server offers it), or null where
 * none is configured. A connection for each letter, so that nothing of one is left to another.
 */
export function makeMailer(config: Pick<Config, 'smtpUrl' | 'mailFrom'>): Mailer | null {
  if (config.smtpUrl === null) return null
  const transport = createTransport({
    url: config.smtpUrl,
    ...timeouts,
    disableFileAccess: true,
    disableUrlAccess: true,
  })
  const from = config.mailFrom
  return {
    async send({ to, ...letter }) {
      try {
        await transport.sendMail({
          ...letter,
          ...(from === null ? {} : { from }),
          // as an object: an address is never parsed for a second one
          to: { name: '', address: to },
          headers: { 'Auto-Submitted': 'auto-generated' },
        })
      } catch (error) {
        throw asMailError(error)
      }
    },
  }
}

/**
 * What the server says of this letter or its recipient with 5xx stays so (RFC 5321 4.2.1); a server that cannot be reached, refuses
 * our login, or stops halfway is another matter, and may be mended.
 */
export function asMailError(error: unknown): MailError {
  const message = error instanceof Error ? error.message : String(error)
  const { code, responseCode } = (error ?? {}) as { code?: unknown; responseCode?: unknown }
  const ofThisLetter = code === 'EENVELOPE' || code === 'EMESSAGE'
  const answered = typeof responseCode === 'number'
  const refused = ofThisLetter && (!answered || (responseCode >= 500 && responseCode !== 503))
  return new MailError(refused ? 'mail-refused' : 'mail-delayed', message, error)
}
