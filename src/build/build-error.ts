import { shortened } from './storable.ts'

/** Why a build could not be done. `code` is stable and stored with the build; `message` is for people and holds no secret. */
export class BuildError extends Error {
  readonly code: string
  /** true where the same build may well pass another time (a registry was down), false where the recipe must change */
  readonly retryable: boolean
  /** the build's log ends with it already: a build service wrote it there */
  readonly told: boolean

  constructor(code: string, message: string, options: { retryable?: boolean; told?: boolean; cause?: unknown } = {}) {
    super(message, { cause: options.cause })
    this.name = 'BuildError'
    this.code = code
    this.retryable = options.retryable ?? false
    this.told = options.told ?? false
  }
}

/** Nobody can be asked after a build that may go on elsewhere: no outcome, unless it stays so. */
export class BuildElsewhere extends BuildError {
  constructor({ code, message, cause }: BuildError) {
    super(code, message, { retryable: true, cause })
    this.name = 'BuildElsewhere'
  }
}

/**
 * Why this process stops a build, whatever became of it. Only our own hand makes one, and it is known by its class: no builder or build
 * service can say such a thing by its code.
 */
export class BuildStop extends BuildError {
  declare readonly code: StopCode

  constructor(code: StopCode) {
    super(code, stopWords[code], { retryable: code === 'shutting-down' })
    this.name = 'BuildStop'
  }
}

type StopCode = 'cancelled' | 'claim-lost' | 'shutting-down'

const stopWords: Record<StopCode, string> = {
  cancelled: 'cancelled on request',
  'claim-lost': 'another worker took this build over',
  'shutting-down': 'this process is being stopped',
}

export const isStop = (error: unknown, code: StopCode): boolean => error instanceof BuildStop && error.code === code

/** A failure as it is stored. `retryable`: the same build may well pass another time. */
export type Failure = { code: string; message: string; retryable: boolean }

/**
 * What is stored of any failure: its words as the database can hold them, without what `mask` hides. Our modules' errors have a stable
 * code; what has none is `internal`. Masked before it is shortened, so that no secret is cut in two.
 */
export function describeError(error: unknown, mask: (text: string) => string = (text) => text): Failure {
  const said = (text: string) => shortened(mask(text))
  if (!(error instanceof Error)) return { code: 'internal', message: said(String(error)), retryable: false }
  if ('code' in error && error.code === 'ENOSPC')
    return { code: 'disk-full', message: said(`no space left where builds work (${error.message})`), retryable: true }
  const ours = 'code' in error && typeof error.code === 'string' && 'retryable' in error
  return {
    code: ours ? shortened(String(error.code), 100) : 'internal',
    message: said(error.message),
    retryable: ours && error.retryable === true,
  }
}
