/** Why a registry could not be asked, or its answer not be used. Absence (404) is an answer and none of these. */
export type RegistryErrorCode =
  | 'unauthorized' // 401 or 403, also from its token service
  | 'rate-limited' // 429
  | 'registry-error' // 5xx
  | 'timeout'
  | 'unreachable' // no connection, or one that broke
  | 'digest-mismatch' // the bytes are not what their digest says
  | 'too-large' // more bytes than the caller takes
  | 'bad-response' // whatever the specification does not allow

const passing: readonly RegistryErrorCode[] = ['rate-limited', 'registry-error', 'timeout', 'unreachable']

/** `retryable`: the same question may get an answer later. `retryAfter`: milliseconds the registry asked to wait, if it did. `status`: of its answer, where there was one. */
export class RegistryError extends Error {
  readonly code: RegistryErrorCode
  readonly retryable: boolean
  readonly retryAfter: number | null
  readonly status: number | null
  constructor(
    code: RegistryErrorCode,
    message: string,
    options: { cause?: unknown; retryAfter?: number | null; status?: number } = {},
  ) {
    super(message, options.cause === undefined ? {} : { cause: options.cause })
    this.name = 'RegistryError'
    this.code = code
    this.retryable = passing.includes(code)
    this.retryAfter = options.retryAfter ?? null
    this.status = options.status ?? null
  }
}

/** The code an HTTP status stands for, where it is an error at all. 408 and 504 say that somebody waited too long. */
export function codeOfStatus(status: number): RegistryErrorCode {
  if (status === 401 || status === 403) return 'unauthorized'
  if (status === 429) return 'rate-limited'
  if (status === 408) return 'timeout'
  return status >= 500 ? 'registry-error' : 'bad-response'
}
