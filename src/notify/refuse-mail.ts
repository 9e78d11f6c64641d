import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { hoursAfter, recordFault } from './address-faults.ts'
import type { MailError } from './mail-error.ts'
import { letGo, takeBackOthers } from './take-back.ts'

/** A mail that was refused. `attempts`, `refusals`: before; `barredAt`: when its recipient was last refused by policy. */
export type RefusedMail = { id: string; to: string; attempts: number; refusals: number; barredAt: Date | null }

/** What its row is to say. `refused`: one refusal more of this very mail; `barred`: its recipient was refused by policy. */
export type Refusal = {
  state: 'failed' | 'pending'
  error: string
  nextTryAt: Date | null
  refused?: true
  barred?: true
}

const hour = 3_600_000
/** After so many refusals in a row, over five days, a mail is given up (RFC 5321 4.5.4.1 says four to five days); what it told waits. */
const mostRefusals = 10

/** Milliseconds to wait after so many tries: 1, 2, 4, … 60 minutes, and then every hour for as long as it takes. */
export const backOff = (attempts: number): number => Math.min(2 ** (attempts - 1), 60) * 60_000

/**
 * What becomes of a mail that was not taken, or, `bounced`, came back; all but its own row is written here: the fault of the address, notices that
 * are let go, and mails that are given up with it, but for `ids`, which the caller has in hand. `isStale`: it is not to be sent again as it is.
 */
export async function refuseMail(
  d: Pick<Deps, 'jobs' | 'clock'>,
  tx: Tx,
  mail: RefusedMail,
  { code, message }: Pick<MailError, 'code' | 'message'>,
  {
    ids = [],
    bounced = false,
    isStale = false,
  }: { ids?: readonly string[]; bounced?: boolean; isStale?: boolean } = {},
): Promise<Refusal> {
  const now = d.clock()
  const failed: Refusal = { state: 'failed', error: message, nextTryAt: null }
  const later = (ms: number): Refusal => ({ state: 'pending', error: message, nextTryAt: new Date(now.getTime() + ms) })
  if (code === 'mail-delayed') return later(backOff(mail.attempts + 1))
  if (code === 'address-refused') {
    const { refusals, nextTryAt } = await recordFault(tx, { address: mail.to, message, at: now, bounced })
    const isOver = refusals % mostRefusals === 0
    if (isOver || isStale) await letGo(d, tx, mail)
    if (isOver) await takeBackOthers(d, tx, { to: mail.to, ids }, message)
    return isOver || isStale ? failed : { state: 'pending', error: message, nextTryAt }
  }
  const isBarred = code === 'policy-refused'
  const barred = isBarred ? ({ barred: true } as const) : {}
  if (isBarred && !(await tookOthers(tx, mail, now))) return { ...later(backOff(mail.attempts + 1)), ...barred }
  const refusals = mail.refusals + 1
  if (refusals < mostRefusals && !isStale) return { ...later(hoursAfter(refusals) * hour), refused: true, ...barred }
  await letGo(d, tx, mail, { why: message, now })
  return { ...failed, refused: true, ...barred }
}

/**
 * Whether the mail server has taken mails for others since it last refused this recipient by policy: then that is not what it says to all. By the
 * index on mail.sent_at; in an outage no row is younger.
 */
async function tookOthers(tx: Tx, { to, barredAt }: RefusedMail, now: Date): Promise<boolean> {
  if (barredAt === null) return false
  const [other] = await tx`
    select from mail where state = 'sent' and sent_at > ${barredAt} and sent_at <= ${now} and lower("to") <> lower(${to}) limit 1`
  return other !== undefined
}
