/**
 * `address-refused`: the server wants nothing for this recipient. `mail-refused`: it does not want this very mail. `mail-delayed`: another
 * time may do.
 */
export type MailErrorCode = 'address-refused' | 'mail-refused' | 'mail-delayed'

/** Why a letter was not taken. `retryable`: it may be taken as it is another time. */
export class MailError extends Error {
  readonly code: MailErrorCode
  readonly retryable: boolean

  constructor(code: MailErrorCode, message: string, cause: unknown) {
    super(message, { cause })
    this.name = 'MailError'
    this.code = code
    this.retryable = code !== 'mail-refused'
  }
}

/**
 * What the server says of a recipient or a mail with 5xx stays so for a while (RFC 5321 4.2.1); that it does not like the sender, cannot be
 * reached, refuses our login, or stops halfway is nothing of this mail, and may be mended. `error`: of nodemailer.
 */
export function asMailError(error: unknown): MailError {
  // a mail server may answer with anything, and what cannot be stored would be lost with its outcome
  const said = error instanceof Error ? error.message : String(error)
  const message = said
    .toWellFormed()
    .replace(/\p{Cc}+/gu, ' ')
    .slice(0, 2000)
  return new MailError(codeOf(error), message, error)
}

function codeOf(error: unknown): MailErrorCode {
  const { code, responseCode, command } = (error ?? {}) as { code?: unknown; responseCode?: unknown; command?: unknown }
  const answered = typeof responseCode === 'number'
  if (answered && (responseCode < 500 || responseCode === 503)) return 'mail-delayed'
  if (code === 'EMESSAGE') return 'mail-refused'
  if (code !== 'EENVELOPE' || command === 'MAIL FROM') return 'mail-delayed'
  return command === 'DATA' ? 'mail-refused' : 'address-refused'
}
