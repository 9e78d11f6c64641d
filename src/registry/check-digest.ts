import { createHash } from 'node:crypto'
import type { Digest } from '../oci/digest.ts'
import { mediaTypes } from '../oci/media-type.ts'
import { RegistryError } from './registry-error.ts'

/** The digest of bytes, by the algorithm of `like`. */
export function digestOf(bytes: Uint8Array, like = 'sha256:'): Digest {
  const algorithm = like.slice(0, like.indexOf(':'))
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}` as Digest
}

/** Throws `digest-mismatch` where the bytes are not what `expected` names. `what` says where they came from. */
export function checkDigest(bytes: Uint8Array, expected: Digest, what: string): void {
  const actual = digestOf(bytes, expected)
  if (actual === expected) return
  throw new RegistryError('digest-mismatch', `${what}: ${bytes.length} bytes of ${actual} where ${expected} should be`)
}

/** The same bytes as they come, the last of them once all are known to be `size` bytes of that digest; else `digest-mismatch`. */
export async function* checkedStream(
  parts: AsyncIterable<Buffer>,
  expected: Digest,
  size: number,
  what: string,
): AsyncGenerator<Buffer> {
  const algorithm = expected.slice(0, expected.indexOf(':'))
  const hash = createHash(algorithm)
  let seen = 0
  let held: Buffer | null = null
  const wrong = (found: string) =>
    new RegistryError('digest-mismatch', `${what}: ${found} where ${size} of ${expected} should be`)
  for await (const part of parts) {
    seen += part.length
    if (seen > size) throw wrong(`more than ${size} bytes`)
    hash.update(part)
    if (held !== null) yield held
    held = part
  }
  const actual = `${algorithm}:${hash.digest('hex')}`
  if (seen !== size || actual !== expected) throw wrong(`${seen} bytes of ${actual}`)
  if (held !== null) yield held
}

/**
 * The bytes a manifest's digest is of: all of them, but for Docker's signed schema 1, whose digest leaves the signatures out.
 * https://distribution.github.io/distribution/spec/deprecated-schema-v1/#signed-manifests
 */
export function digestedBytes(bytes: Buffer, mediaType: string): Buffer {
  if (mediaType !== mediaTypes.signedSchema1) return bytes
  try {
    const { signatures } = JSON.parse(bytes.toString('utf8')) as { signatures: { protected: string }[] }
    const header = Buffer.from(signatures[0]!.protected, 'base64url').toString('utf8')
    const { formatLength, formatTail } = JSON.parse(header) as { formatLength: number; formatTail: string }
    return Buffer.concat([bytes.subarray(0, formatLength), Buffer.from(formatTail, 'base64url')])
  } catch {
    return bytes // no signature to leave out: then the digest is of all there is, or does not match
  }
}
