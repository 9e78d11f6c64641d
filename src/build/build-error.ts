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

/** What is stored of any failure: `{code, message}`. What is not ours is `internal`. */
export function describeError(error: unknown): { code: string; message: string } {
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'internal'
  return { code, message: error instanceof Error ? error.message : String(error) }
}
