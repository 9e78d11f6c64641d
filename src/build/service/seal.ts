/**
 * in: what one build may use, and the token that tracker and build service share. out: a JWE that only they can open, for that build alone.
 * guarantees: text that was changed, sealed under another token or meant for another build is refused; nothing of it is told in errors.
 * https://www.rfc-editor.org/rfc/rfc7516 (compact serialization), docs/design/build-service.md
 */
import { hkdfSync } from 'node:crypto'
import { CompactEncrypt, compactDecrypt } from 'jose'
import { BuildError } from '../build-error.ts'
import { Grant } from './grant.ts'

const info = 'drydock builder credentials v1'

/** HKDF-SHA256 of the token (https://www.rfc-editor.org/rfc/rfc5869), without salt: the token is as random as the key. */
const keyOf = (token: string): Uint8Array => new Uint8Array(hkdfSync('sha256', token, '', info, 32))

export async function sealGrant(token: string, buildId: string, grant: Grant): Promise<string> {
  const clear = new TextEncoder().encode(JSON.stringify(grant))
  return new CompactEncrypt(clear)
    .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', build: buildId })
    .encrypt(keyOf(token))
}

/** Throws BuildError (`credentials-unreadable`). */
export async function openGrant(token: string, buildId: string, sealed: string): Promise<Grant> {
  const opened = await compactDecrypt(sealed, keyOf(token), {
    keyManagementAlgorithms: ['dir'],
    contentEncryptionAlgorithms: ['A256GCM'],
  }).catch((cause: unknown) => {
    throw unreadable('they were changed, or sealed under another DRYDOCK_BUILDER_TOKEN', cause)
  })
  if (opened.protectedHeader.build !== buildId) throw unreadable('they are for another build')
  const parsed = Grant.safeParse(parsedJson(new TextDecoder().decode(opened.plaintext)))
  if (!parsed.success) throw unreadable(`they are not as they should be at ${pathsOf(parsed.error.issues)}`)
  return parsed.data
}

const unreadable = (why: string, cause?: unknown): BuildError =>
  new BuildError('credentials-unreadable', `the sealed credentials cannot be used: ${why}`, { cause })

/** Where, and never what. */
const pathsOf = (issues: readonly { path: PropertyKey[] }[]): string =>
  issues.map(({ path }) => path.join('.') || 'the top').join(', ')

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // The parser's message quotes what it read.
    return null
  }
}
