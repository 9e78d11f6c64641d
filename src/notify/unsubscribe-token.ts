import { timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import type { Vault } from '../build/vault.ts'

/**
 * Whose mails, and of which namespace (its key); null: all. `bearer`: who bore the person's name when the mail was written; null: as before
 * links told that.
 */
export const Unsubscribe = z.strictObject({
  person: z.string(),
  namespace: z.string().nullable(),
  bearer: z.uuid().nullable().default(null),
})
export type Unsubscribe = z.infer<typeof Unsubscribe>

type Signing = Pick<Vault, 'sign'>

/**
 * What a link in a mail says, signed under a key derived from DRYDOCK_SECRET_KEY for this purpose alone. It holds for as long as that key
 * does, whatever is restarted, and gives nothing but what it says. Format: base64url of JSON, ".", base64url of HMAC-SHA256.
 */
export const signUnsubscribe = (vault: Signing, { bearer, ...what }: Unsubscribe): string =>
  signed(vault, 'unsubscribe', bearer === null ? what : { ...what, bearer })

/** Null where it is none of ours. */
export const readUnsubscribe = (vault: Signing, token: string): Unsubscribe | null =>
  verified(vault, 'unsubscribe', token, Unsubscribe)

export function signed(vault: Signing, purpose: string, value: unknown): string {
  const body = Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${body}.${vault.sign(purpose, body)}`
}

/** The value, where the signature is right and the value of that shape; else null. */
export function verified<T>(vault: Signing, purpose: string, token: string, shape: z.ZodType<T>): T | null {
  const [body = '', signature = '', ...more] = token.split('.')
  const wanted = Buffer.from(vault.sign(purpose, body))
  const given = Buffer.from(signature)
  if (more.length > 0 || given.length !== wanted.length || !timingSafeEqual(given, wanted)) return null
  try {
    return shape.safeParse(JSON.parse(Buffer.from(body, 'base64url').toString())).data ?? null
  } catch {
    // signed by us, and no JSON: of another version
    return null
  }
}

export const unsubscribeUrl = (publicUrl: string, token: string): string =>
  `${publicUrl.replace(/\/+$/, '')}/unsubscribe/${token}`
