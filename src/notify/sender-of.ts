import type { Deps } from '../deps.ts'
import type { Mailer } from './mailer.ts'

/** What sends mails here; or, in words, why nothing does. */
export type Sender = { mailer: Mailer; without: null } | { mailer: null; without: string }

export function senderOf({ config, mailer }: Pick<Deps, 'config' | 'mailer'>): Sender {
  if (config.observe) return { mailer: null, without: 'nothing is sent while Drydock only observes (DRYDOCK_OBSERVE)' }
  if (mailer === null) return { mailer: null, without: 'nothing is sent without a mail server (SMTP_URL)' }
  return { mailer, without: null }
}
