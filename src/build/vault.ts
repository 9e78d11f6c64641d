import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  type KeyObject,
  randomBytes,
  scryptSync,
} from 'node:crypto'

/** Seals small secrets for the database. `open` throws `VaultError` where the text was tampered with or sealed under another key. */
export type Vault = {
  /** tells keys apart, and nothing of them */
  keyId: string
  seal(clear: string): string
  open(sealed: string): string
  /** HMAC-SHA256 of a text, in base64url, under a key of its own for each purpose: what is signed for one counts for no other */
  sign(purpose: string, text: string): string
}

export class VaultError extends Error {
  readonly code: 'vault-format' | 'vault-key'
  readonly retryable = false

  constructor(code: 'vault-format' | 'vault-key', message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'VaultError'
    this.code = code
  }
}

const version = 1
const nonceBytes = 12
const tagBytes = 16

/**
 * AES-256-GCM under a key that scrypt derives from DRYDOCK_SECRET_KEY (one derivation a process). Format, in base64:
 * version byte | 12 bytes nonce | 16 bytes tag | ciphertext. The version byte is authenticated too.
 */
export function makeVault(secretKey: string): Vault {
  const key = scryptSync(secretKey, 'drydock credential vault v1', 32)
  const signing = new Map<string, KeyObject>()
  const keyOf = (purpose: string): KeyObject => {
    const known =
      signing.get(purpose) ?? createSecretKey(createHmac('sha256', key).update(`drydock signs ${purpose}`).digest())
    signing.set(purpose, known)
    return known
  }
  return {
    keyId: createHmac('sha256', key).update('drydock vault key id').digest('hex').slice(0, 32),
    seal(clear) {
      const nonce = randomBytes(nonceBytes)
      const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes })
      cipher.setAAD(Buffer.of(version))
      const body = Buffer.concat([cipher.update(clear, 'utf8'), cipher.final()])
      return Buffer.concat([Buffer.of(version), nonce, cipher.getAuthTag(), body]).toString('base64')
    },
    open(sealed) {
      const bytes = Buffer.from(sealed, 'base64')
      if (bytes.length < 1 + nonceBytes + tagBytes || bytes[0] !== version) {
        throw new VaultError('vault-format', 'this is no sealed secret of a known version')
      }
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(1, 1 + nonceBytes), {
        authTagLength: tagBytes,
      })
      decipher.setAAD(Buffer.of(version))
      decipher.setAuthTag(bytes.subarray(1 + nonceBytes, 1 + nonceBytes + tagBytes))
      try {
        const clear = Buffer.concat([decipher.update(bytes.subarray(1 + nonceBytes + tagBytes)), decipher.final()])
        return clear.toString('utf8')
      } catch (cause) {
        throw new VaultError(
          'vault-key',
          'a stored secret cannot be opened: it was changed, or DRYDOCK_SECRET_KEY was',
          cause,
        )
      }
    },
    sign: (purpose, text) => createHmac('sha256', keyOf(purpose)).update(text).digest('base64url'),
  }
}
