/** Why a caller was not let in, or a token not made. Asking again changes nothing, but where Portus could not be asked. */
export class AccessError extends Error {
  override name = 'AccessError'
  readonly code:
    | 'unauthorized'
    | 'two-credentials'
    | 'forbidden'
    | 'no-such-user'
    | 'portus-failed'
    | 'wrong-password'
    | 'too-many-attempts'
    | 'busy'
  readonly retryable: boolean
  constructor(code: AccessError['code'], message: string, cause?: unknown) {
    super(message, { cause })
    this.code = code
    this.retryable = code === 'portus-failed' || code === 'too-many-attempts' || code === 'busy'
  }
}
