/** Codes of the distribution spec that this registry answers with, and their HTTP status. */
const statusOf = {
  BLOB_UNKNOWN: 404,
  BLOB_UPLOAD_INVALID: 400,
  BLOB_UPLOAD_UNKNOWN: 404,
  DIGEST_INVALID: 400,
  MANIFEST_BLOB_UNKNOWN: 400,
  MANIFEST_INVALID: 400,
  MANIFEST_UNKNOWN: 404,
  NAME_INVALID: 400,
  NAME_UNKNOWN: 404,
  PAGINATION_NUMBER_INVALID: 400,
  RANGE_INVALID: 416,
  SIZE_INVALID: 413,
  UNSUPPORTED: 405,
} as const

export type SpecCode = keyof typeof statusOf

/** An answer that is an error. https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes */
export class SpecError extends Error {
  readonly code: SpecCode
  readonly status: number
  readonly retryable = false
  readonly detail: unknown
  constructor(code: SpecCode, message: string, detail: unknown = null) {
    super(message)
    this.code = code
    this.status = statusOf[code]
    this.detail = detail
  }
  /** The body the spec wants. */
  body(): string {
    return JSON.stringify({ errors: [{ code: this.code, message: this.message, detail: this.detail }] })
  }
}
