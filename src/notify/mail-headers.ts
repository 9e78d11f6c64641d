import type { Config } from '../config.ts'

/** Message-IDs of the threads that a mail is of, with angle brackets; the first is the one that it is shown under. */
export type Thread = { references: readonly string[] }

/** The domain of MAIL_FROM, else the host of our own address: what RFC 5322 3.6.4 wants on the right of a Message-ID. */
export function mailDomain({ mailFrom, publicUrl }: Pick<Config, 'mailFrom' | 'publicUrl'>): string {
  const domain = /@([A-Za-z0-9.-]+)>?\s*$/.exec(mailFrom ?? '')?.[1]
  return domain ?? new URL(publicUrl).hostname.replace(/[^A-Za-z0-9.-]/g, '')
}

/** A header line takes 998 characters (RFC 5322 2.1.1), and readers look at few of many. */
const mostReferences = 10

/**
 * The headers of every mail, as nodemailer takes them: a machine wrote it (RFC 3834), which list it is of (RFC 2919), how to end it (RFC
 * 2369; with one click, RFC 8058, where our address is one that mail providers may post to), and the threads of its causes (RFC 5322 3.6.4).
 * A reader takes the last of the references for what is answered, so that is the first cause.
 */
export function mailHeaders(
  { references, unsubscribe }: Thread & { unsubscribe: string | null },
  config: Pick<Config, 'mailFrom' | 'publicUrl'>,
): { headers: Record<string, string>; inReplyTo?: string; references?: string[] } {
  const [first] = references
  return {
    headers: {
      'Auto-Submitted': 'auto-generated',
      'List-Id': `Drydock <drydock.${mailDomain(config)}>`,
      ...(unsubscribe === null ? {} : { 'List-Unsubscribe': `<${unsubscribe}>` }),
      ...(unsubscribe !== null && isOneClick(unsubscribe)
        ? { 'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click' }
        : {}),
    },
    ...(first ? { inReplyTo: first, references: references.slice(0, mostReferences).toReversed() } : {}),
  }
}

/** RFC 8058 3.1 wants https; what goes nowhere but to this machine may do without. */
export function isOneClick(url: string): boolean {
  const { protocol, hostname } = new URL(url)
  return protocol === 'https:' || (protocol === 'http:' && /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname))
}
