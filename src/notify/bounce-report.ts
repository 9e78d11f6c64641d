/**
 * In: the bytes of one mail, from anybody.
 * Out: what it reports of which recipients of which mail, where it is a delivery status notification (RFC 3464); else why it is none.
 * Guarantees: pure, and nothing of it is believed here (judge-bounce.ts). What is hostile may take long: read-apart.ts reads within limits.
 */
import { createHash } from 'node:crypto'
import PostalMime, { type Attachment } from 'postal-mime'

/** What is said of one recipient (RFC 3464 2.3), addresses without their type and status as "5.1.1"; what is not there or not readable is null. */
export type ReportedRecipient = {
  final: string | null
  original: string | null
  /** in lower case: failed, delayed, delivered, relayed, expanded */
  action: string | null
  status: string | null
  diagnostic: string | null
}

/** `id`: the same for a report that is handed in twice; `messageId`: of the mail that it is about, with angle brackets. */
export type BounceReport = { kind: 'report'; id: string; messageId: string | null; recipients: ReportedRecipient[] }
export type NoReport = { kind: 'none'; because: string }

const limits = {
  ...{ maxNestingDepth: 10, maxHeadersSize: 256 * 1024 },
  // the mail that came back is looked at for its Message-ID alone
  ...{ forceRfc822Attachments: true, maxRfc822NestingDepth: 0 },
}
/** More than a mail of ours has recipients; of a field and of a mail's headers no more is looked at. */
const [mostRecipients, longestField, longestHead] = [100, 2000, 64 * 1024]

/** The global ones are of addresses beyond ASCII (RFC 6533). */
const statusTypes = ['message/delivery-status', 'message/global-delivery-status']
const returnedTypes = [
  'message/rfc822',
  'text/rfc822-headers',
  'message/rfc822-headers',
  'message/global',
  'message/global-headers',
]

export async function readBounce(bytes: Uint8Array): Promise<BounceReport | NoReport> {
  const mail = await PostalMime.parse(bytes, limits).catch((error: Error) => error)
  if (mail instanceof Error) return { kind: 'none', because: `it cannot be read: ${mail.message}` }
  const at = mail.attachments.findIndex(({ mimeType }) => statusTypes.includes(mimeType))
  const status = mail.attachments[at]
  if (!status)
    return { kind: 'none', because: 'it has no part of type message/delivery-status: it is no bounce (RFC 3464)' }
  const text = textOf(status)
  const groups = groupsIn(text)
  const recipients = groups.filter((group) => group.has('final-recipient') || group.has('original-recipient'))
  if (recipients.length === 0) return { kind: 'none', because: 'its part message/delivery-status names no recipient' }
  const returned = mail.attachments.slice(at + 1).find(({ mimeType }) => returnedTypes.includes(mimeType))
  // some send the returned mail along only on wish, and name it here (Gmail)
  const named = groups.find((group) => group.has('x-original-message-id'))?.get('x-original-message-id')
  return {
    kind: 'report',
    id: createHash('sha256')
      .update(mail.messageId ?? text)
      .digest('hex')
      .slice(0, 32),
    messageId: messageIdIn(returned ? await messageIdOf(returned) : named),
    recipients: recipients.slice(0, mostRecipients).map(recipientOf),
  }
}

const textOf = ({ content }: Attachment): string =>
  typeof content === 'string' ? content : new TextDecoder().decode(content)

async function messageIdOf(returned: Attachment): Promise<string | undefined> {
  const head =
    textOf(returned)
      .slice(0, longestHead)
      .split(/\r?\n\r?\n/, 1)[0] ?? ''
  const { messageId } = await PostalMime.parse(`${head}\n\n`, limits)
  return messageId
}

const messageIdIn = (said: string | undefined): string | null =>
  /<[\x21-\x3b\x3d\x3f-\x7e]{1,250}>/.exec(said?.slice(0, longestField) ?? '')?.[0] ?? null

/** Groups of fields, apart by empty lines; names in lower case, values unfolded. A field that stands there twice is the first. */
function groupsIn(text: string): ReadonlyMap<string, string>[] {
  const groups: Map<string, string>[] = [new Map()]
  let last: string | null = null
  for (const line of text.split(/\r?\n/)) {
    const group = groups.at(-1) ?? new Map<string, string>()
    const colon = line.indexOf(':')
    if (line.trim() === '') {
      if (group.size > 0) groups.push(new Map())
      last = null
    } else if (/^[ \t]/.test(line)) {
      if (last !== null) group.set(last, `${group.get(last)} ${line.trim()}`.slice(0, longestField))
    } else {
      const name = line.slice(0, Math.max(colon, 0)).trim().toLowerCase()
      last = name === '' || group.has(name) ? null : name
      if (last !== null) group.set(last, line.slice(colon + 1, colon + 1 + longestField).trim())
    }
  }
  return groups
}

const recipientOf = (group: ReadonlyMap<string, string>): ReportedRecipient => ({
  final: addressIn(group.get('final-recipient')),
  original: addressIn(group.get('original-recipient')),
  action: /^[a-z]+/.exec(group.get('action')?.toLowerCase() ?? '')?.[0] ?? null,
  status: /^[245]\.\d{1,3}\.\d{1,3}(?!\d)/.exec(group.get('status') ?? '')?.[0] ?? null,
  diagnostic: group.get('diagnostic-code') ?? null,
})

/** "rfc822; ada@example.org": the type, and the address as that type has it (RFC 3464 2.3.1). */
function addressIn(said: string | undefined): string | null {
  const [type, ...rest] = said?.split(';') ?? []
  if (!['rfc822', 'utf-8'].includes(type?.trim().toLowerCase() ?? '')) return null
  const address = rest.join(';').trim().replace(/^<|>$/g, '')
  return /^[^\s<>]+$/.test(address) && address.includes('@') && address.length <= 320 ? address : null
}
