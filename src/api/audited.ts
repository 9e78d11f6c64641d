import type { Response } from 'express'
import type { Key } from '../access/access.ts'
import { beginAudit, type Details, endAudit } from '../access/audit.ts'
import type { Deps } from '../deps.ts'
import { problemOf } from './problem.ts'
import type { Answer, Route } from './route.ts'

type AnyInput = Parameters<NonNullable<Route['subject']>>[0]
type Call = { input: AnyInput; response: Response }

/**
 * Does `call`, which is given the namespaces it is about. Where it may change something, a row of the audit log is there before and says
 * afterwards what became of it; a call that cannot be written down is not made. Refused calls are in it too, but for those without
 * a token, or that were not understood at all.
 */
export async function audited(
  d: Deps,
  r: Route,
  { input, response }: Call,
  call: (keys: () => Promise<readonly Key[]>) => Promise<Answer | null>,
): Promise<Answer | null> {
  const access = r.access
  let found: Promise<readonly Key[]> | undefined
  const keys = () => (found ??= 'of' in access ? (async () => access.of(d, input as never))() : Promise.resolve([]))
  if (r.method === 'get' || access.need === 'builder') return call(keys)
  const id = await beginAudit(d, input.principal, {
    action: `${r.method.toUpperCase()} ${r.path}`,
    subject: subjectOf(r, input),
    namespace: await onlyOne(keys),
    details: await detailsOf(d, r, input),
    requestId: String(response.getHeader('x-request-id')),
  })
  const ended = async (status: number, problem: string | null) =>
    endAudit(d, id, { status, problem }).catch((err: unknown) =>
      d.log.warn({ err, audit: String(id) }, 'could not write down what became of a call'),
    )
  try {
    const answer = await call(keys)
    await ended(answer?.status ?? response.statusCode, null)
    return answer
  } catch (error) {
    const { status, code } = problemOf(error)
    await ended(status, code)
    throw error
  }
}

const subjectOf = (r: Route, input: AnyInput): string =>
  (r.subject?.(input) ?? Object.values((input.params ?? {}) as Record<string, unknown>).join(' ')).slice(0, 1000)

/** What the route chooses to tell, cut where it is long. What cannot be found out is the call's own problem too. */
async function detailsOf(d: Deps, r: Route, input: AnyInput): Promise<Details | null> {
  if (r.method === 'get' || r.details === null) return null
  const said = await (async () => r.details?.(d, input))().catch(() => null)
  const told = Object.entries(said ?? {}).filter(([, value]) => value !== undefined)
  return told.length === 0 ? null : Object.fromEntries(told.map(([field, value]) => [field, cut(value)]))
}

const [longestText, mostItems] = [300, 30]
function cut(value: Details[string]): Details[string] {
  if (typeof value === 'string') return value.slice(0, longestText)
  return Array.isArray(value) ? value.slice(0, mostItems).map((text: string) => text.slice(0, longestText)) : value
}

/** The namespace, where the call is about one. What cannot be found out is the call's own problem, and not this log's. */
async function onlyOne(keys: () => Promise<readonly Key[]>): Promise<string | null> {
  const found = await keys().catch(() => [])
  return found.length === 1 ? (found[0] ?? null) : null
}
