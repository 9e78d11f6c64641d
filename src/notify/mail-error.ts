/**
 * What a refusal is of. `address-refused`: the server wants nothing for this recipient. `mail-refused`: it does not want this very mail.
 * `policy-refused`: its policy is against this recipient, or against us whoever it is for: what it does with others tells (refuse-mail.ts).
 * `mail-delayed`: it is nothing of these, and another time may do.
 */
export type MailErrorCode = 'address-refused' | 'mail-refused' | 'policy-refused' | 'mail-delayed'

/** Why a letter was not taken. */
export class MailError extends Error {
  readonly code: MailErrorCode

  constructor(code: MailErrorCode, message: string, cause: unknown) {
    super(message, { cause })
    this.name = 'MailError'
    this.code = code
  }
}

/** `error`: of nodemailer. */
export function asMailError(error: unknown): MailError {
  const said = error instanceof Error ? error.message : String(error)
  return new MailError(meaningOf(answerOf(error)), oneLine(said), error)
}

/** A mail server may answer with anything, and what cannot be stored would be lost with its outcome. */
export const oneLine = (said: string): string =>
  said
    .toWellFormed()
    .replace(/\p{Cc}+/gu, ' ')
    .slice(0, 2000)
    .toWellFormed()
    .trim()

/**
 * How a server, or the library before it asked one, said no. `stage`: to the recipient, to the mail itself, or to anything else (greeting,
 * login, sender, a cut connection). `status`: null where there was no answer. `detail`: "1.1" of the enhanced code 5.1.1 (RFC 3463).
 */
export type Answer = { stage: 'recipient' | 'data' | 'other'; status: number | null; detail: string | null }

/**
 * A wrong sender, a quota that is used up (5.4.5), the server's own state and policy towards us are nothing of the recipient; a full or
 * closed mailbox (5.2) and an unknown recipient (5.1) are, whenever they are said. To what is refused without a reason, its stage says what
 * was refused.
 */
export function meaningOf({ stage, status, detail }: Answer): MailErrorCode {
  if (stage === 'other' || (status !== null && (status < 500 || status === 503))) return 'mail-delayed'
  const subject = detail?.split('.')[0]
  if (detail === '1.7' || detail === '1.8' || detail === '4.5' || subject === '5') return 'mail-delayed'
  if (detail === '2.3' || detail === '3.4' || subject === '6') return 'mail-refused'
  if (subject === '1' || subject === '2') return 'address-refused'
  if (subject === '3') return 'mail-delayed'
  if (stage === 'recipient') return subject === '7' ? 'policy-refused' : 'address-refused'
  return subject === '4' ? 'mail-delayed' : 'mail-refused'
}

function answerOf(error: unknown): Answer {
  const { code, responseCode, command, response } = (error ?? {}) as Partial<Record<string, unknown>>
  const status = typeof responseCode === 'number' ? responseCode : null
  // what does not begin with a number is no answer of SMTP, and so of nobody
  if (typeof response === 'string' && status === null) return { stage: 'other', status, detail: null }
  const detail = typeof response === 'string' ? (/^5\d\d[ -]5\.(\d{1,3}\.\d{1,3})\b/.exec(response)?.[1] ?? null) : null
  if (code === 'EMESSAGE' || (code === 'EENVELOPE' && command === 'DATA')) return { stage: 'data', status, detail }
  return { stage: code === 'EENVELOPE' && command !== 'MAIL FROM' ? 'recipient' : 'other', status, detail }
}
