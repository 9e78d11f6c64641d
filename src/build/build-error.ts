/** Why a build could not be done. `code` is stable and stored with the build; `message` is for people and holds no secret. */
export class BuildError extends Error {
  readonly code: string
  /** true where the same build may well pass another time (a registry was down), false where the recipe must change */
  readonly retryable: boolean

  constructor(code: string, message: string, options: { retryable?: boolean; cause?: unknown } = {}) {
    super(message, { cause: options.cause })
    this.name = 'BuildError'
    this.code = code
    this.retryable = options.retryable ?? false
  }
}

/** A failure as it is stored. `retryable`: the same build may well pass another time. */
export type Failure = { code: string; message: string; retryable: boolean }

/** What is stored of any failure. Our modules' errors have a stable code; what has none is `internal`. */
export function describeError(error: unknown): Failure {
  if (!(error instanceof Error)) return { code: 'internal', message: String(error), retryable: false }
  if ('code' in error && error.code === 'ENOSPC')
    return { code: 'disk-full', message: `no space left where builds work (${error.message})`, retryable: true }
  const ours = 'code' in error && typeof error.code === 'string' && 'retryable' in error
  return {
    code: ours ? String(error.code) : 'internal',
    message: error.message,
    retryable: ours && error.retryable === true,
  }
}
