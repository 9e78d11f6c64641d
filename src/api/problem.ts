import { z } from 'zod'
import { AccessError } from '../access/access-error.ts'
import { isLostDatabase } from '../db/is-lost-database.ts'

/** Every code a client may see, with its HTTP status. Codes are stable; wording is not. */
export const statusOf = {
  'bad-request': 400,
  'two-credentials': 400,
  unauthorized: 401,
  forbidden: 403,
  'no-such-route': 404,
  'no-such-tag': 404,
  'no-such-recipe': 404,
  'no-previous': 404,
  'no-proposal': 404,
  'no-such-build': 404,
  'no-such-plan': 404,
  'no-such-event': 404,
  'no-such-mail': 404,
  'no-such-namespace': 404,
  'no-such-user': 404,
  'no-such-address-fault': 404,
  'no-such-member': 404,
  'no-such-credential': 404,
  'no-such-registry': 404,
  'no-such-policy': 404,
  'no-such-snooze': 404,
  'no-such-pause': 404,
  'no-such-source': 404,
  'no-such-git-hook': 404,
  'no-such-token': 404,
  'no-such-channel': 404,
  'no-such-delivery': 404,
  'method-not-allowed': 405,
  'managed-elsewhere': 409,
  'no-recipe': 409,
  'not-replayable': 409,
  'channel-disabled': 409,
  'build-over': 409,
  'plan-over': 409,
  'build-conflict': 409,
  'same-database': 409,
  'build-running': 409,
  'at-previous': 409,
  'reserved-name': 409,
  'body-too-large': 413,
  'not-json': 415,
  'not-message': 415,
  'wrong-password': 422,
  'too-many-attempts': 429,
  'registry-failed': 502,
  'portus-failed': 502,
  busy: 503,
  'other-registries': 503,
  'database-down': 503,
  internal: 500,
} as const

export type ProblemCode = keyof typeof statusOf

/** RFC 9457. `errors`: every fault of the input, where there are several. */
export const Problem = z
  .object({
    type: z.string().describe('urn:drydock:problem:CODE'),
    title: z.string(),
    status: z.int(),
    code: z.enum(Object.keys(statusOf) as [ProblemCode, ...ProblemCode[]]),
    detail: z.string().optional(),
    errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  })
  .meta({ id: 'Problem', description: 'What went wrong (RFC 9457)' })
export type Problem = z.infer<typeof Problem>

export class ApiError extends Error {
  override name = 'ApiError'
  readonly code: ProblemCode
  readonly errors: Problem['errors']
  constructor(code: ProblemCode, detail: string, errors?: Problem['errors']) {
    super(detail)
    this.code = code
    this.errors = errors
  }
}

/** A problem for any error; what is not meant for clients says nothing of itself. */
export function problemOf(error: unknown): Problem {
  const known = asApiError(error)
  const code = known?.code ?? 'internal'
  return {
    type: `urn:drydock:problem:${code}`,
    title: code.replaceAll('-', ' '),
    status: statusOf[code],
    code,
    ...(known ? { detail: known.message } : {}),
    ...(known?.errors ? { errors: known.errors } : {}),
  }
}

function asApiError(error: unknown): ApiError | null {
  if (error instanceof ApiError) return error
  if (!(error instanceof Error)) return null
  const type = 'type' in error ? error.type : null
  if (type === 'entity.parse.failed') return new ApiError('bad-request', 'the body is no JSON')
  if (type === 'entity.too.large') {
    const limit = 'limit' in error && typeof error.limit === 'number' ? error.limit / 2 ** 20 : 1
    return new ApiError('body-too-large', `the body is larger than ${limit} MiB`)
  }
  if (type === 'encoding.unsupported' || type === 'charset.unsupported')
    return new ApiError('bad-request', error.message)
  if ('expose' in error && error.expose === true && 'status' in error && Number(error.status) < 500)
    return new ApiError('bad-request', 'the request could not be read')
  if (error instanceof URIError) return new ApiError('bad-request', 'the path is not well encoded')
  if (error instanceof AccessError) return new ApiError(error.code, error.message)
  const code = 'code' in error ? String(error.code) : ''
  if (code === 'no-such-user' || code === 'managed-elsewhere') return new ApiError(code, error.message)
  if (isLostDatabase(error) || /^P1\d\d\d$/.test(code))
    return new ApiError('database-down', 'the database does not answer')
  return null
}

/** Every fault of a parsed input as one error. */
export const invalid = (where: string, error: z.ZodError): ApiError =>
  new ApiError(
    'bad-request',
    `the ${where} is not as it should be`,
    error.issues.map((issue) => ({ path: issue.path.join('.'), message: issue.message })),
  )
