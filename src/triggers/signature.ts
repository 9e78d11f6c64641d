import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import { formField } from './form-field.ts'

type Headers = Readonly<Record<string, string | string[] | undefined>>

/** HMAC-SHA256 of the body in hex, after this prefix. Gitea sends GitHub's header too; the older SHA-1 one is not looked at. */
const signatures = [
  ['x-hub-signature-256', 'sha256='],
  ['x-forgejo-signature', ''],
  ['x-gitea-signature', ''],
  ['x-gogs-signature', ''],
] as const

/** GitLab's signing token: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md */
const standard = ['webhook-signature', 'webhook-id', 'webhook-timestamp'] as const

/** Seconds that a signed time may be away from ours, whatever the clocks of both say; by ids deliveries are remembered for longer. */
const tolerance = 24 * 3600

/** Bytes of a form that is taken apart before anybody is known to have signed it; Gitea's are small, GitHub signs the form as it is. */
const mostForm = 2 * 1024 * 1024

/** True where a request says anything that could prove it: without, its body need not be read. */
export const isSigned = (headers: Headers): boolean =>
  [...signatures.map(([name]) => name), standard[0], 'x-gitlab-token'].some((name) => headers[name] !== undefined)

/** True where what a request says is a signature of its body alone. */
export const isOverBody = (headers: Headers): boolean => signatures.some(([name]) => headers[name] !== undefined)

/** The id of a delivery where that is signed with its body. */
export const signedId = (headers: Headers): string | null =>
  (textOf(headers[standard[0]]) !== undefined && textOf(headers['webhook-id'])) || null

/**
 * True where the sender knows the secret: every signature there is must be right, of the body as it came; else GitLab's token, which is
 * the secret itself. Of a form Gitea and Forgejo sign the field `payload`, which is what is read of it then. Compared in constant time.
 */
export function isAuthentic(headers: Headers, body: Buffer, secret: string, now: Date): boolean {
  const said = signatures.filter(([name]) => headers[name] !== undefined)
  const isStandard = headers[standard[0]] !== undefined
  if (said.length === 0 && !isStandard) return same(textOf(headers['x-gitlab-token']), secret)
  const payload = body.length > mostForm ? null : formField(body, textOf(headers['content-type']))
  const right = [body, ...(payload === null ? [] : [Buffer.from(payload)])].map((signed) =>
    createHmac('sha256', secret).update(signed).digest('hex'),
  )
  const checks = said.map(([name, prefix]) => {
    const text = textOf(headers[name])?.toLowerCase()
    return right.map((one) => same(text, prefix + one)).some((isRight) => isRight)
  })
  return checks.every((isRight) => isRight) && (!isStandard || isStandardRight(headers, body, secret, now))
}

/** Several signatures may stand there while a secret is changed; those of other versions are not looked at. */
function isStandardRight(headers: Headers, body: Buffer, secret: string, now: Date): boolean {
  const [said, id, time] = standard.map((name) => textOf(headers[name]))
  if (!said || !id || !time || !/^\d{1,12}$/.test(time)) return false
  if (Math.abs(Number(time) - now.getTime() / 1000) > tolerance) return false
  const right = createHmac('sha256', keyOf(secret)).update(`${id}.${time}.`).update(body).digest('base64')
  return said
    .split(' ')
    .map((one) => same(one, `v1,${right}`))
    .some((isRight) => isRight)
}

/** `whsec_` and base64, as GitLab wants a signing token; else the text itself. */
const keyOf = (secret: string): Buffer =>
  /^whsec_[A-Za-z0-9+/]+={0,2}$/.test(secret) ? Buffer.from(secret.slice(6), 'base64') : Buffer.from(secret)

const textOf = (value: string | string[] | undefined): string | undefined =>
  typeof value === 'string' ? value : undefined

/** Of hashes, so that texts of any lengths take the same time. */
const same = (said: string | undefined, wanted: string): boolean =>
  timingSafeEqual(hash(said ?? ''), hash(wanted)) && said !== undefined

const hash = (text: string): Buffer => createHash('sha256').update(text).digest()
