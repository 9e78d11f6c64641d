import { createHash, createHmac, timingSafeEqual } from 'node:crypto'

type Headers = Readonly<Record<string, string | string[] | undefined>>

/** HMAC-SHA256 of the body in hex, after this prefix. Gitea sends GitHub's header too; the older SHA-1 one is not looked at. */
const signatures = [
  ['x-hub-signature-256', 'sha256='],
  ['x-forgejo-signature', ''],
  ['x-gitea-signature', ''],
  ['x-gogs-signature', ''],
] as const

/** True where a request says anything that could prove it: without, its body need not be read. */
export const isSigned = (headers: Headers): boolean =>
  [...signatures.map(([name]) => name), 'x-gitlab-token'].some((name) => headers[name] !== undefined)

/** True where what a request says is a signature of its body, and not GitLab's token alone. */
export const isOverBody = (headers: Headers): boolean => signatures.some(([name]) => headers[name] !== undefined)

/**
 * True where the sender knows the secret: every signature there is must be right, of the body as it came; else GitLab's token, which is
 * the secret itself. Compared in constant time.
 */
export function isAuthentic(headers: Headers, body: Buffer, secret: string): boolean {
  const said = signatures.filter(([name]) => headers[name] !== undefined)
  if (said.length === 0) return same(textOf(headers['x-gitlab-token']), secret)
  const right = createHmac('sha256', secret).update(body).digest('hex')
  const checks = said.map(([name, prefix]) => same(textOf(headers[name])?.toLowerCase(), prefix + right))
  return checks.every((isRight) => isRight)
}

const textOf = (value: string | string[] | undefined): string | undefined =>
  typeof value === 'string' ? value : undefined

/** Of hashes, so that texts of any lengths take the same time. */
const same = (said: string | undefined, wanted: string): boolean =>
  timingSafeEqual(hash(said ?? ''), hash(wanted)) && said !== undefined

const hash = (text: string): Buffer => createHash('sha256').update(text).digest()
