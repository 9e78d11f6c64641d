import type { MailState } from '../db/generated/enums.ts'
import type { BounceReport, ReportedRecipient } from './bounce-report.ts'
import { type MailErrorCode, meaningOf, oneLine } from './mail-error.ts'

/** The mail that a report names. `hasWords`: its text is kept still; `bounces`: ids of the reports that were counted for it. */
export type Returned = {
  to: string
  state: MailState
  sentAt: Date | null
  hasWords: boolean
  bounces: readonly string[]
}

/**
 * `refused`: it came back, as if it had been refused so. `isStale`: what it told is to be told anew, in another mail. `noted`: it came
 * back from where its address sent it on to. `nothing`: nothing changes.
 */
export type Judged =
  | { kind: 'refused'; code: 'address-refused' | 'mail-refused'; message: string; isStale: boolean }
  | { kind: 'noted'; message: string }
  | { kind: 'nothing'; because: string }

const day = 86_400_000
/** Mail servers try for four or five days (RFC 5321 4.5.4.1), some for a week; what comes later is of nobody who had our mail to deliver. */
const longestOnTheWay = 14 * day

const whyNotSent: Record<Exclude<MailState, 'sent'>, string> = {
  pending: 'that mail waits to be sent: it was not taken, or came back before',
  failed: 'that mail was given up or taken back',
  kept: 'that mail was never sent',
}

/**
 * What a report changes: only `failed` counts, and only of a mail that was sent, to the recipient it was sent to. Anybody can write a report, so
 * whatever does not fit changes nothing.
 */
export function judgeBounce(report: BounceReport, mail: Returned | null, now: Date): Judged {
  const nothing = (because: string): Judged => ({ kind: 'nothing', because })
  if (report.messageId === null) return nothing('it does not say which mail came back: no Message-ID')
  if (!mail) return nothing(`no mail of ours is ${report.messageId}`)
  const isTo = (address: string | null) => address?.toLowerCase() === mail.to.toLowerCase()
  const ours = report.recipients.filter(({ final, original }) => isTo(final) || isTo(original))
  if (ours.length === 0) return nothing('that mail did not go to any of these recipients')
  const failed = ours.filter(({ action }) => action === 'failed')
  const itself = failed.find(({ final }) => isTo(final))
  const one = itself ?? failed[0]
  if (!one) return nothing(`it did not fail: ${ours[0]?.action ?? 'no action is named'}`)
  if (mail.bounces.includes(report.id)) return nothing('this was read before')
  if (mail.state !== 'sent') return nothing(whyNotSent[mail.state])
  const age = mail.sentAt === null ? 0 : now.getTime() - mail.sentAt.getTime()
  if (age > longestOnTheWay) return nothing('that mail was sent more than 14 days ago')
  const message = reasonOf(one, mail.to)
  if (!itself) return { kind: 'noted', message: `came back from where that address sends it on to: ${message}` }
  const taken = mail.sentAt === null ? '' : ` (it was taken at ${mail.sentAt.toISOString()})`
  const code = meaningOfBounce(one) === 'address-refused' ? 'address-refused' : 'mail-refused'
  return { kind: 'refused', code, message: `came back: ${message}${taken}`, isStale: age > day || !mail.hasWords }
}

/** As mail-error.ts has it of answers, for what a server says after it took the mail: none says to which command it was answered. */
export function meaningOfBounce({
  status,
  diagnostic,
}: Pick<ReportedRecipient, 'status' | 'diagnostic'>): MailErrorCode {
  const answer = /^smtp\s*;\s*([245]\d\d)(?:[ -]#?([245]\.\d{1,3}\.\d{1,3})(?!\d))?/i.exec(diagnostic ?? '')
  const basic = answer?.[1] ? Number(answer[1]) : null
  // "5.0.0" says nothing (Exim, Gmail): the answer of the last server does
  const code = [status, answer?.[2] ?? null].find((said) => said !== null && !/^\d\.0\./.test(said)) ?? null
  if ((status ?? code ?? answer?.[1] ?? '5').startsWith('4')) return 'mail-delayed'
  const detail = code?.slice(2) ?? null
  return meaningOf({ stage: stageOf(detail, basic), status: basic !== null && basic < 500 ? null : basic, detail })
}

/** 550, 551 and 553 are of a mailbox (RFC 5321 4.2.3), and so is no reason at all; of routing (5.4) all but time that ran out is of the address. */
function stageOf(detail: string | null, basic: number | null): 'recipient' | 'data' {
  if (detail !== null) return detail.startsWith('4.') && detail !== '4.7' ? 'recipient' : 'data'
  return basic === null || [550, 551, 553].includes(basic) ? 'recipient' : 'data'
}

/** Addresses but the mail's own are left out: somebody's mail may be sent on to where others are not to know of. */
function reasonOf({ status, diagnostic }: ReportedRecipient, to: string): string {
  const said = oneLine(diagnostic?.replace(/^[\w-]+\s*;\s*/, '') ?? '') || `status ${status ?? 'unknown'}`
  return said.replace(/[^\s<>@]+@[^\s<>@,;:]+/g, (found) =>
    found.toLowerCase() === to.toLowerCase() ? found : '(another address)',
  )
}
