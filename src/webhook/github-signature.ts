import { createHmac, timingSafeEqual } from 'node:crypto'

/**
 * True where `X-Hub-Signature-256` is the HMAC-SHA256 of the body under the secret; compared in constant time.
 * https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries
 */
export function isSignedByGithub(body: Uint8Array, signature: string, secret: string): boolean {
  const said = Buffer.from(/^sha256=([0-9a-f]{64})$/i.exec(signature)?.[1] ?? '', 'hex')
  const right = createHmac('sha256', secret).update(body).digest()
  return said.length === right.length && timingSafeEqual(said, right)
}
